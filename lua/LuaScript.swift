public import RedisClient

/// The scripts that a binary carries; each is one transition, and each file's head says its keys, arguments and replies.
public enum LuaScript {
    public static let reserve = script("reserve", PackageResources.reserve_lua)
    public static let release = script("release", PackageResources.release_lua)
    public static let accept = script("accept", PackageResources.accept_lua)
    public static let setZone = script("set_zone", PackageResources.set_zone_lua)
    public static let takeToken = script("take_token", PackageResources.take_token_lua)
    public static let takeLease = script("take_lease", PackageResources.take_lease_lua)
    public static let finishOperation = script("finish_operation", PackageResources.finish_operation_lua)

    private static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: String(decoding: source, as: UTF8.self))
    }
}
