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
            A message that a worker can never carry out, or not in all its attempts, ends on the dead-letter topic of its consumer group \
            (payment.dlq and so on): the record as it was, the failure in headers. It stays there for ever; a table \
            in PostgreSQL says of each whether it is open, redriven or discarded.

            The usual way:

              rushctl dlq groups                              what failed, and where
              rushctl dlq show payment.dlq/3/17               one of them, whole
              (mend it: the code, the data, what the worker depends on)
              rushctl dlq redrive --group payment --dry-run   what would be sent
              rushctl dlq redrive --group payment --rate 100  send it, 100 a second

            A redriven message goes to the topic <group>.redrive, which only the worker that failed reads: key, value, headers and time byte for byte. \
            For the worker it is a first attempt of the original message, with all its retries. If it fails again it is a new dead letter, linked to \
            the old one, with one more redrive counted; after --max-redrives of them it stays.

            Dead letters are named by their place, topic/partition/offset. Everything that changes something asks first (--yes answers) and is \
            audited (topic audit.events). Exit codes: 0 done, 1 failed or something could not be sent, 64 wrong usage.
            """,
        subcommands: [Groups.self, List.self, Show.self, Search.self, RedriveCommand.self, Discard.self, Export.self, Import.self])

    /// Opens the stores for one command and brings the index up to date.
    /// - Parameter filter: what the command is about; a group in it that nobody knows is refused.
    static func withDesk(
        _ settings: Settings = .environment, for filter: DeadLetterFilter = DeadLetterFilter(), _ body: (DeadLetterDesk) async throws -> Void
    ) async throws {
        try await Connections.database(settings) { database in
            try await AuditTrail.open(settings) { trail in
                let desk = DeadLetterDesk(
                    database: database, bootstrapServers: Connections.kafka(settings), audit: { try await trail.record($0) },
                    logger: Connections.logger)
                try await desk.catchUp()
                if let group = filter.group { try await requireKnown(group, desk) }
                try await body(desk)
            }
        }
    }

    /// Known are the workers' own groups, and whatever other groups have given up a message.
    private static func requireKnown(_ group: String, _ desk: DeadLetterDesk) async throws {
        var known = try GroupName.declared()
        if known.contains(group) { return }
        known.formUnion(try await desk.groups(DeadLetterFilter()).map(\.group))
        if !known.contains(group) { throw GroupName.unknown(group, known: known) }
    }
}

/// The options that narrow dead letters down.
struct DeadLetterNarrowing: ParsableArguments {
    @Option(help: "The consumer group that gave up, such as payment.")
    var group: String?

    @Option(help: "The class of the error, as in the table of groups.")
    var errorClass: String?

    @Option(help: "Where the failure was made, as in the table of groups.")
    var site: String?

    @Option(help: "The message's type, such as payment.charge.v1.")
    var type: String?

    @Option(help: "The record's key, such as a booking's id.")
    var key: String?

    @Option(help: ArgumentHelp("Whose last failure was then or later: 2026-11-21T10:00:00Z, or how long ago, 2h.", valueName: "time"))
    var since: Moment?

    @Option(help: ArgumentHelp("Whose last failure was before; as --since.", valueName: "time"))
    var until: Moment?

    /// - Parameters:
    ///   - text: a part of the value, the error, the key or the message's id.
    ///   - status: nil for all.
    func filter(text: String?, status: DeadLetterFilter.Status?, places: [DeadLetterPlace] = []) -> DeadLetterFilter {
        DeadLetterFilter(
            group: group, errorClass: errorClass, site: site, type: type, key: key, text: text, since: since?.timestamp, until: until?.timestamp,
            status: status, places: places)
    }

    /// Whether nothing is named.
    var isEmpty: Bool { [group, errorClass, site, type, key].allSatisfy { $0 == nil } && since == nil && until == nil }
}

/// The options that choose dead letters.
struct DeadLetterChoice: ParsableArguments {
    @Argument(help: "Places of single dead letters, such as payment.dlq/3/17; without any, all that fit the options.")
    var places: [String] = []

    @OptionGroup var narrowing: DeadLetterNarrowing

    @Option(help: "A part of the value, the error, the key or the message's id; case does not matter.")
    var text: String?

    /// - Parameter status: nil for all.
    func filter(_ status: DeadLetterFilter.Status?) throws -> DeadLetterFilter {
        narrowing.filter(text: text, status: status, places: try places.map(Self.place))
    }

    /// Whether nothing is named, and so everything is meant.
    var isEmpty: Bool { places.isEmpty && text == nil && narrowing.isEmpty }

    static func place(_ text: String) throws -> DeadLetterPlace {
        guard let place = DeadLetterPlace(text) else {
            throw ValidationError("'\(text)' is no place of a dead letter: topic/partition/offset, such as payment.dlq/3/17.")
        }
        return place
    }
}

/// Which states are meant, in commands that only look.
enum DeadLetterState: String, ExpressibleByArgument, CaseIterable {
    case open, redriven, discarded, all

    var status: DeadLetterFilter.Status? { DeadLetterFilter.Status(rawValue: rawValue) }
}
