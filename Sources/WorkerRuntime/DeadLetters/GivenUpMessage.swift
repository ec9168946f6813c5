public import KafkaClient

/// A message that stands in the DLQ and will not be handled again unless a person sends it anew.
public struct GivenUpMessage: Sendable {
    /// The record.
    public let message: KafkaMessage
    /// Why it is given up.
    public let failure: Failure

    /// Makes one by hand, as tests do.
    public init(message: KafkaMessage, failure: Failure) {
        self.message = message
        self.failure = failure
    }
}
