public import Foundation
import Glibc
import Synchronization

/// One line of the fleet's log: a decision, or what became of a copy.
public struct FleetEvent: Sendable, Codable, Hashable {
    /// What happened.
    public enum Kind: String, Sendable, Codable {
        /// Somebody ordered something; ``FleetEvent/detail`` says what, and who. It stands before its effects.
        case ordered
        /// How many copies there should be, for which ``FleetEvent/reason``; one that says the same as the one before is not written again.
        case decision
        /// A copy is ready.
        case started
        /// A copy ended by itself, or could not be started; ``FleetEvent/detail`` says how, and when it is tried again.
        case crashed
        /// A copy is told to finish.
        case draining
        /// A copy has finished and is gone.
        case drained
        /// A copy did not finish in time and was killed.
        case killed
        /// The file was changed, and the fleet goes by it; ``FleetEvent/detail`` says what is other than one might think.
        case adopted
        /// The file was changed and cannot be used; ``FleetEvent/detail`` says why. The fleet goes by the plan that it had.
        case refused
    }

    /// When.
    public var at = Date()
    /// What happened.
    public let event: Kind
    /// Which worker.
    public let worker: String
    /// Which copy.
    public var copy: Int?
    /// Copies before the decision.
    public var from: Int?
    /// Copies after it.
    public var to: Int?
    /// What the lag asks for.
    public var wanted: Int?
    /// Why.
    public var reason: CopiesDecision.Reason?
    /// The reading that it was decided on.
    public var lagMessages: Int64?
    /// Likewise.
    public var lagSeconds: Double?
    /// Likewise, messages a second.
    public var arrivals: Double?
    /// Likewise, messages a second.
    public var departures: Double?
    /// Who ordered it, `operator:root`.
    public var actor: String?
    /// In words.
    public var detail: String?

    init(_ event: Kind, _ worker: String, copy: Int? = nil, detail: String? = nil) {
        self.event = event
        self.worker = worker
        self.copy = copy
        self.detail = detail
    }
}

/// The fleet's log, NDJSON: one ``FleetEvent`` a line, kept in two files of at most ``limit`` bytes.
public final class FleetLog: Sendable {
    /// Beyond it the file becomes `…​.1`, which replaces the one before.
    static let limit: off_t = 16 << 20

    /// The file.
    public let path: String
    private let encoder: Mutex<JSONEncoder>
    private let told: @Sendable (FleetEvent) -> Void

    /// Appends to a file, which is made when it is not there.
    /// - Parameter told: gets every event as well; it must not wait.
    public init(path: String, told: @escaping @Sendable (FleetEvent) -> Void = { _ in }) {
        self.path = path
        self.told = told
        encoder = Mutex(FleetJSON.encoder())
    }

    /// Writes a line. A disk that is full costs the line, not the fleet.
    func write(_ event: FleetEvent) {
        told(event)
        encoder.withLock { encoder in
            guard var line = try? encoder.encode(event) else { return }
            line.append(UInt8(ascii: "\n"))
            let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard file >= 0 else { return }
            defer { close(file) }
            _ = line.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if lseek(file, 0, SEEK_END) > Self.limit { rename(path, "\(path).1") }
        }
    }
}

/// JSON as the product writes it: snake case, RFC 3339.
enum FleetJSON {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    static func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}
