import ArgumentParser

/// `rushctl replay`.
struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Has messages of a topic handled again.",
        discussion: """
            Each way says with --dry-run what it would do, and asks before it \
            does it (--yes answers):

              group     sets a consumer group's offsets back: its members, of
                        which there must be none meanwhile, read again
              worker    copies chosen messages onto the redrive topic of one
                        group, whose workers handle them beside all else
              rebuild   makes the tables of a projection anew beside those in
                        use, compares them, and exchanges them
              database  makes a lost database anew, with all that is in it

            Handling a message again changes nothing that was right: rows go by \
            versions, charges and mails by ids that are recognised.

            A replay is written down as it goes. Ctrl-C or kill -9 leaves it where \
            it is:

              rushctl replay list
              rushctl replay resume ID

            PostgreSQL lost altogether is one command more:

              rushctl replay database --help

            Whatever changes something is audited (topic audit.events). Exit codes: \
            0 done, 1 failed or stopped, 64 wrong usage.
            """,
        subcommands: [Group.self, Worker.self, Rebuild.self, Database.self, Resume.self, List.self, Forget.self])
}
