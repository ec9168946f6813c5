public import Topics

/// What analytics reads.
public enum AnalyticsTopics {
    /// The topics of events but audit.events, which tells of people rather than of sales and has its own worker and its own retention.
    public static let all: [Topic] = [.bookingEvents, .paymentEvents, .refundEvents, .queueEvents, .operationEvents, .analyticsViews]
}
