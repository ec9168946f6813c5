/// Why a test cannot go on, in words.
public struct TestFailure: Error, CustomStringConvertible {
    /// What was wanted, and what was there instead.
    public let description: String

    /// A failure in these words.
    public init(_ description: String) {
        self.description = description
    }
}
