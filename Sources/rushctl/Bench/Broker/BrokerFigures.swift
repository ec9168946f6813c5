import Foundation

/// What `bench broker` found.
struct BrokerFigures: Encodable, Sendable {
    /// One sync mode's figures; nil is what was not measured in it.
    struct Mode: Encodable, Sendable {
        /// Records acknowledged a second, from the first one handed over to the last acknowledgement.
        var produceRecordsPerSecond: Double
        /// Records read a second by one reader of all partitions, from the beginning, each one copied out of librdkafka.
        var consumeRecordsPerSecond: Double
        /// From the making of a first member of a group to its assignment.
        var firstJoinMs: Double
        /// From handing a record to the producer to having it from a fetch that waited, one record at a time: produce, append (and fsync), wake-up.
        var fetchWakeupP50Ms: Double
        var fetchWakeupP99Ms: Double
        /// From handing a record to the producer to its acknowledgement, in the same run.
        var ackP50Ms: Double
        var ackP99Ms: Double
        /// From exec to the first answer, with ``startLogMib`` of log; after SIGTERM, and after SIGKILL.
        var startMs: Double?
        var startAfterKillMs: Double?
        var startLogMib: Double?
        /// Resident memory after ``records``.
        var rssMib: Double?
        /// Per cent of a core, with a group member and a producer connected that have nothing to do.
        var idleCpuPercent: Double?
        var records: Int
    }

    /// The mode that `ops/run` uses; the figures beside it are its own.
    let defaultSync: String
    let produceRecordsPerSecond: Double?
    let consumeRecordsPerSecond: Double?
    let firstJoinMs: Double?
    let fetchWakeupP99Ms: Double?
    let startMs: Double?
    let rssMib: Double?
    let idleCpuPercent: Double?
    let modes: [String: Mode]

    init(defaultSync: String, modes: [String: Mode]) {
        self.defaultSync = defaultSync
        self.modes = modes
        let mode = modes[defaultSync]
        produceRecordsPerSecond = mode?.produceRecordsPerSecond
        consumeRecordsPerSecond = mode?.consumeRecordsPerSecond
        firstJoinMs = mode?.firstJoinMs
        fetchWakeupP99Ms = mode?.fetchWakeupP99Ms
        startMs = mode?.startMs
        rssMib = mode?.rssMib
        idleCpuPercent = mode?.idleCpuPercent
    }

    /// Prints a table with a column a mode.
    func print() {
        let names = modes.keys.sorted()
        func row(_ title: String, _ cells: [String]) {
            Swift.print(
                ([title.padding(toLength: 26, withPad: " ", startingAt: 0)] + cells.map { $0.padding(toLength: 16, withPad: " ", startingAt: 0) })
                    .joined())
        }
        func figures(_ title: String, _ digits: Int, _ value: (Mode) -> Double?) {
            row(title, names.map { modes[$0].flatMap(value).map { String(format: "%.\(digits)f", $0) } ?? "-" })
        }
        row("--sync", names.map { $0 == defaultSync ? "\($0) *" : $0 })
        figures("records/s in", 0) { $0.produceRecordsPerSecond }
        figures("records/s out", 0) { $0.consumeRecordsPerSecond }
        figures("first join ms", 0) { $0.firstJoinMs }
        figures("wake-up p50 ms", 2) { $0.fetchWakeupP50Ms }
        figures("wake-up p99 ms", 2) { $0.fetchWakeupP99Ms }
        figures("ack p50 ms", 2) { $0.ackP50Ms }
        figures("ack p99 ms", 2) { $0.ackP99Ms }
        figures("start ms", 0) { $0.startMs }
        figures("start after a kill ms", 0) { $0.startAfterKillMs }
        figures("  with MiB of log", 0) { $0.startLogMib }
        figures("resident MiB", 0) { $0.rssMib }
        figures("idle CPU % of a core", 1) { $0.idleCpuPercent }
        figures("records", 0) { Double($0.records) }
        Swift.print("* the mode of ops/run")
    }
}
