public import Domain

/// The right to one place of a booking: what its code says.
public struct Ticket: Hashable, Sendable {
    public let booking: BookingID
    public let event: EventID
    public let show: ShowID
    /// Which of the booking's places, from 0; in a numbered zone the seat at that position of ``Booking/seats``, which never change.
    public let place: Int

    public init(booking: BookingID, event: EventID, show: ShowID, place: Int) {
        self.booking = booking
        self.event = event
        self.show = show
        self.place = place
    }

    /// What people read, `7K2M-9QX4-T0VB-1`: the booking's reference and the place, from 1.
    public var reference: String { "\(booking.ticketReference)-\(place + 1)" }
}

extension Booking {
    /// One ticket a place, in the order of the seats. Whether they may be given out is for ``Booking/status`` to say.
    public var tickets: [Ticket] {
        (0..<Int(quantity)).map { Ticket(booking: id, event: event, show: show, place: $0) }
    }

    /// The seat of a ticket; nil for general admission.
    public func seat(of ticket: Ticket) -> SeatID? { seats.indices.contains(ticket.place) ? seats[ticket.place] : nil }
}
