/// An item that can never succeed, as the handler found out by itself.
public struct Refusal: Sendable {
    /// Its place among the items of the call.
    public let index: Int
    /// Why.
    public let failure: Failure

    /// Refuses the item at `index`.
    public init(_ index: Int, _ failure: Failure) {
        self.index = index
        self.failure = failure
    }
}
