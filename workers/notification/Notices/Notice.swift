import Domain

/// Something that one person is to be told.
struct Notice: Sendable {
    /// What it is about, with its state at that moment.
    enum Subject: Sendable {
        case booking(Booking)
        case payment(Payment)
        case place(QueuePlace)
    }

    let occasion: Occasion
    let subject: Subject
    /// Of the subject; for a reminder the show's start, so that a show that is moved is a new reason.
    let version: Int64
    /// When it came to be.
    let at: Timestamp

    var entityType: String {
        switch subject {
        case .booking: "booking"
        case .payment: "payment"
        case .place: "queue_entry"
        }
    }

    var entityID: String {
        switch subject {
        case .booking(let booking): booking.id.description
        case .payment(let payment): payment.id.description
        case .place(let place): place.id.description
        }
    }

    var user: UserID {
        switch subject {
        case .booking(let booking): booking.user
        case .payment(let payment): payment.user
        case .place(let place): place.user
        }
    }

    var tenant: TenantID {
        switch subject {
        case .booking(let booking): booking.tenant
        case .payment(let payment): payment.tenant
        case .place(let place): place.tenant
        }
    }

    var event: EventID {
        switch subject {
        case .booking(let booking): booking.event
        case .payment(let payment): payment.event
        case .place(let place): place.event
        }
    }

    /// Whether it would only confuse by now: what it offers has run out, or it is older than `maxAge`, as after a replay of the topics.
    func isStale(at now: Timestamp, maxAge: Duration) -> Bool {
        if now.ms - at.ms > maxAge.components.seconds * 1000 { return true }
        switch (occasion, subject) {
        case (.reserved, .booking(let booking)): return booking.expiresAt <= now
        case (.queueTurn, .place(let place)): return place.passExpiresAt.map { $0 <= now } ?? true
        default: return false
        }
    }
}
