public import RedisClient

/// The scripts that a binary carries; each is one transition, and each file's head says its keys, arguments and replies.
public enum LuaScript {
    public static let reserve = script("reserve", PackageResources.reserve_lua)
    public static let release = script("release", PackageResources.release_lua, after: PackageResources.booking_lua)
    public static let accept = script("accept", PackageResources.accept_lua)
    public static let beginPayment = script("begin_payment", PackageResources.begin_payment_lua, after: PackageResources.booking_lua)
    public static let endPayment = script(
        "end_payment", PackageResources.end_payment_lua, after: PackageResources.booking_lua, PackageResources.payment_lua)
    public static let confirm = script("confirm", PackageResources.confirm_lua, after: PackageResources.booking_lua, PackageResources.payment_lua)
    public static let putPayment = script("put_payment", PackageResources.put_payment_lua, after: PackageResources.payment_lua)
    public static let useTicket = script("use_ticket", PackageResources.use_ticket_lua, after: PackageResources.booking_lua)
    public static let setZone = script("set_zone", PackageResources.set_zone_lua)
    public static let takeToken = script("take_token", PackageResources.take_token_lua)
    public static let takeLease = script("take_lease", PackageResources.take_lease_lua)
    public static let restore = script("restore", PackageResources.restore_lua)
    public static let finishRecovery = script("finish_recovery", PackageResources.finish_recovery_lua)
    public static let tellZone = script("tell_zone", PackageResources.tell_zone_lua)
    public static let advanceLate = script("advance_late", PackageResources.advance_late_lua)
    public static let writeMark = script("write_mark", PackageResources.write_mark_lua)
    public static let joinQueue = script("join_queue", PackageResources.join_queue_lua, after: PackageResources.queue_lua)
    public static let leaveQueue = script("leave_queue", PackageResources.leave_queue_lua, after: PackageResources.queue_lua)
    public static let admitBatch = script("admit_batch", PackageResources.admit_batch_lua, after: PackageResources.queue_lua)
    public static let setQueueMode = script("set_queue_mode", PackageResources.set_queue_mode_lua, after: PackageResources.queue_lua)
    public static let queueEntries = script("queue_entries", PackageResources.queue_entries_lua, after: PackageResources.queue_lua)
    public static let queueLine = script("queue_line", PackageResources.queue_line_lua, after: PackageResources.queue_lua)
    public static let restoreQueue = script("restore_queue", PackageResources.restore_queue_lua, after: PackageResources.queue_lua)
    public static let reportArrivals = script("report_arrivals", PackageResources.report_arrivals_lua)
    public static let finishOperation = script("finish_operation", PackageResources.finish_operation_lua)

    /// - Parameter shared: what the script needs before it; Redis wants the script's `#!` line first of all.
    private static func script(_ name: String, _ source: [UInt8], after shared: [UInt8]...) -> RedisScript {
        let own = String(decoding: source, as: UTF8.self)
        let lead = own.hasPrefix("#!") ? own.prefix { $0 != "\n" } + "\n" : ""
        let parts = shared.map { String(decoding: $0, as: UTF8.self) }
        return RedisScript(name: name, source: lead + parts.joined() + own.dropFirst(lead.count))
    }
}
