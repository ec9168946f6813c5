import HTTPTypes

extension HTTPField.Name {
    static let xRequestID = constant("X-Request-ID")
    static let traceparent = constant("traceparent")
    static let idempotencyKey = constant("Idempotency-Key")
    static let idempotencyReplayed = constant("Idempotency-Replayed")
    static let prefer = constant("Prefer")
    static let preferenceApplied = constant("Preference-Applied")
    static let lastEventID = constant("Last-Event-ID")
    static let xForwardedFor = constant("X-Forwarded-For")
    static let xFrameOptions = constant("X-Frame-Options")
    static let referrerPolicy = constant("Referrer-Policy")
    static let stripeSignature = constant("Stripe-Signature")
    static let xQueuePass = constant("X-Queue-Pass")
    static let rateLimit = constant("RateLimit")
    static let rateLimitPolicy = constant("RateLimit-Policy")
    static let xRateLimitLimit = constant("X-RateLimit-Limit")
    static let xRateLimitRemaining = constant("X-RateLimit-Remaining")
    static let xRateLimitReset = constant("X-RateLimit-Reset")

    /// The names above are tokens (RFC 9110, section 5.1), so the initialiser never refuses them.
    private static func constant(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .age }
}
