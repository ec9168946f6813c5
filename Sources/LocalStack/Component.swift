/// One supervised process of the installation.
public struct Component: Hashable, Sendable, CustomStringConvertible {
    /// The binary or service: `redis`, `postgres`, `broker`, `payment-simulator`, `mail-catcher`, `ingress`, or a worker's name.
    public let program: String
    /// 1 and up, where several copies of one program run.
    public let copy: Int

    /// A process by program and copy.
    public init(_ program: String, copy: Int = 1) {
        self.program = program
        self.copy = copy
    }

    /// `redis-server`.
    public static let redis = Component("redis")
    /// The private PostgreSQL cluster.
    public static let postgres = Component("postgres")
    /// `embedded-broker`.
    public static let broker = Component("broker")
    /// `payment-simulator`, the gateway of a machine without one.
    public static let simulator = Component("payment-simulator")
    /// aiosmtpd, which keeps mails as files, of a machine that sends none.
    public static let mailCatcher = Component("mail-catcher")
    /// The first ingress.
    public static let ingress = Component("ingress")
    /// A copy of a worker, such as `expiry`.
    public static func worker(_ name: String, copy: Int = 1) -> Component { Component(name, copy: copy) }

    /// `expiry`, `expiry-2`: the name of its log and pid file.
    public var name: String { copy == 1 ? program : "\(program)-\(copy)" }

    public var description: String { name }

    /// Whether it is a store, the broker, the gateway or the mail server: what the product's processes stand on.
    var isService: Bool { self == .redis || self == .postgres || self == .broker || self == .simulator || self == .mailCatcher }

    /// What reports may be seconds behind, so it leaves the processors to what decides: on two cores a batch of the projection would hold up
    /// the reserves of that moment. Who tells, counts and notes may fall behind further, and catches up afterwards.
    var precedence: Precedence {
        switch program {
        case "inventory-sync": .nice(10)
        case Component.postgres.program, "notification", "analytics", "audit": .idle
        default: .normal
        }
    }

    /// Whether it is a copy of a worker.
    var isWorker: Bool { !isService && program != Component.ingress.program }
}

/// How a process ended.
public enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
    /// It called exit.
    case code(Int32)
    /// A signal ended it.
    case signal(Int32)

    public var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let signal): "signal \(signal)"
        }
    }
}

/// A process that ended without having been told to.
public struct UnexpectedExit: Sendable, CustomStringConvertible {
    /// Which one.
    public let component: Component
    /// How.
    public let status: ExitStatus
    /// The last lines that it wrote in this run.
    public let logTail: String

    public var description: String { "\(component) died (\(status)); its last lines:\n\(logTail)" }
}
