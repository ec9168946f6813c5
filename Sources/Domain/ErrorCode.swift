/// The error codes of the HTTP API (SPEC, section 2), each with its status.
public enum ErrorCode: String, Sendable, CaseIterable {
    case unauthorized = "UNAUTHORIZED"
    case forbidden = "FORBIDDEN"
    case ageRestricted = "AGE_RESTRICTED"
    case notFound = "NOT_FOUND"
    case validation = "VALIDATION_ERROR"
    case insufficientStock = "INSUFFICIENT_STOCK"
    case seatTaken = "SEAT_TAKEN"
    case maxPerUserExceeded = "MAX_PER_USER_EXCEEDED"
    case saleNotOpen = "SALE_NOT_OPEN"
    case invalidState = "INVALID_STATE"
    case reservationExpired = "RESERVATION_EXPIRED"
    case paymentFailed = "PAYMENT_FAILED"
    case idempotencyInFlight = "IDEMPOTENCY_IN_FLIGHT"
    case idempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED"
    case methodNotAllowed = "METHOD_NOT_ALLOWED"
    case requestTimeout = "REQUEST_TIMEOUT"
    case payloadTooLarge = "PAYLOAD_TOO_LARGE"
    case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
    case headersTooLarge = "HEADERS_TOO_LARGE"
    case rateLimited = "RATE_LIMITED"
    case queueRequired = "QUEUE_REQUIRED"
    case serviceUnavailable = "SERVICE_UNAVAILABLE"
    case internalError = "INTERNAL_ERROR"

    /// The HTTP status.
    public var status: Int {
        switch self {
        case .validation: 400
        case .unauthorized: 401
        case .paymentFailed: 402
        case .forbidden, .ageRestricted: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .insufficientStock, .seatTaken, .maxPerUserExceeded, .saleNotOpen, .invalidState, .idempotencyInFlight: 409
        case .reservationExpired: 410
        case .payloadTooLarge: 413
        case .unsupportedMediaType: 415
        case .idempotencyKeyReused: 422
        case .rateLimited, .queueRequired: 429
        case .headersTooLarge: 431
        case .internalError: 500
        case .serviceUnavailable: 503
        }
    }
}
