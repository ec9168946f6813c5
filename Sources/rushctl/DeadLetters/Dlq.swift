import ArgumentParser
import DeadLetters
import Domain
import Settings

/// `rushctl dlq`.
struct Dlq: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq",
        abstract: "Finds out what workers gave up on, and sends it back to them.",
        discussion: """
            A message that a worker can never carry out, or not in all its attempts, ends on the dead-letter topic of its consumer group
            (payment.dlq, expiry.dlq, inventory-sync.dlq, ops.dlq): the record as it was, the failure in headers. It stays there for ever; a table
            in PostgreSQL says of each whether it is open, redriven or discarded.

            The usual way:

              rushctl dlq groups                                  what failed, where in the code, how often, since when
              rushctl dlq show payment.dlq/3/17                   one of them: headers, value, its failures, its trace
              (mend what is broken: the code, the data, what the worker depends on)
              rushctl dlq redrive --group payment --dry-run       what would be sent, by reasons
              rushctl dlq redrive --group payment --rate 100      send it, a hundred a second

            A redriven message goes to the topic <group>.redrive, which only the worker that failed reads: key, value, headers and time byte for byte.
            For the worker it is a first attempt of the original message, with all its retries. If it fails again it is a new dead letter, linked to
            the old one, with one more redrive counted; after --max-redrives of them it stays.

            Dead letters are named by their place, topic/partition/offset. Everything that changes something asks first (--yes answers) and is
            audited (topic audit.events). Exit codes: 0 done, 1 failed or something could not be sent, 64 wrong usage.
            """,
        subcommands: [Groups.self, List.self, Show.self, Search.self, RedriveCommand.self, Discard.self, Export.self, Import.self])

    /// Opens the stores for one command and brings the index up to date.
    static func withDesk(_ settings: Settings = .environment, _ body: (DeadLetterDesk) async throws -> Void) async throws {
        try await Connections.database(settings) { database in
            try await AuditTrail.open(settings) { trail in
                let desk = DeadLetterDesk(
                    database: database, bootstrapServers: Connections.kafka(settings), audit: { try await trail.record($0) },
                    logger: Connections.logger)
                try await desk.catchUp()
                try await body(desk)
            }
        }
    }
}

/// The options that choose dead letters.
struct DeadLetterChoice: ParsableArguments {
    @Argument(help: "Places of single dead letters, such as payment.dlq/3/17; without any, all that fit the options.")
    var places: [String] = []

    @Option(help: "The consumer group that gave up: payment, expiry, inventory-sync, ops.")
    var group: String?

    @Option(help: "The class of the error, as in the table of groups.")
    var errorClass: String?

    @Option(help: "Where the failure was made, as in the table of groups.")
    var site: String?

    @Option(help: "The message's type, such as payment.charge.v1.")
    var type: String?

    @Option(help: "The record's key, such as a booking's id.")
    var key: String?

    @Option(help: "A part of the value, the error, the key or the message's id; case does not matter.")
    var text: String?

    @Option(help: "Whose last failure was then or later: 2026-11-21T10:00:00Z.")
    var since: String?

    @Option(help: "Whose last failure was before: 2026-11-21T12:00:00Z.")
    var until: String?

    /// - Parameter status: nil for all.
    func filter(_ status: DeadLetterFilter.Status?) throws -> DeadLetterFilter {
        DeadLetterFilter(
            group: group, errorClass: errorClass, site: site, type: type, key: key, text: text, since: try Self.time(since, "--since"),
            until: try Self.time(until, "--until"), status: status, places: try places.map(Self.place))
    }

    /// Whether nothing is named, and so everything is meant.
    var isEmpty: Bool { places.isEmpty && [group, errorClass, site, type, key, text, since, until].allSatisfy { $0 == nil } }

    static func place(_ text: String) throws -> DeadLetterPlace {
        guard let place = DeadLetterPlace(text) else {
            throw ValidationError("'\(text)' is no place of a dead letter: topic/partition/offset, such as payment.dlq/3/17.")
        }
        return place
    }

    static func time(_ text: String?, _ option: String) throws -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(rfc3339: text) else { throw ValidationError("\(option) must be a time like 2026-11-21T10:00:00Z, not '\(text)'.") }
        return time
    }
}

/// Which states are meant, in commands that only look.
enum DeadLetterState: String, ExpressibleByArgument, CaseIterable {
    case open, redriven, discarded, all

    var status: DeadLetterFilter.Status? { DeadLetterFilter.Status(rawValue: rawValue) }
}
