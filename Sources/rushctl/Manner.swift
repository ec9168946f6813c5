import ArgumentParser

/// How a command that changes something is to do it.
struct Manner: ParsableArguments {
    @Flag(help: "Only say what would be done.")
    var dryRun = false

    @Flag(name: [.short, .long], help: "Do not ask. Needed where standard input is no terminal.")
    var yes = false

    @Flag(help: "Print JSON: with --dry-run what would be done, else what was.")
    var json = false
}
