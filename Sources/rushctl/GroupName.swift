import ArgumentParser
import Topics

/// The name of a consumer group on the command line.
enum GroupName {
    /// The groups of the product's own workers.
    static func declared() throws -> Set<String> { Set(try TopicCatalogue.load().topics.compactMap(\.group)) }

    /// What to say of a name that no group has.
    static func unknown(_ name: String, known: Set<String>) -> ValidationError {
        let names = known.sorted()
        let guess = WrongWord.nearest(to: name, among: names).map { " Did you mean '\($0)'?" } ?? ""
        return ValidationError("--group: there is no consumer group '\(name)'.\(guess) There are \(names.joined(separator: ", ")).")
    }
}
