import Domain

/// How a booking looks in an answer.
enum BookingBody {
    /// - Parameter projected: in lists, whether PostgreSQL has the booking yet.
    static func write(_ writer: inout JSONWriter, _ booking: Booking, projected: Bool? = nil) {
        writer.object {
            $0.member("booking_id", booking.id)
            $0.member("status", booking.status.rawValue)
            $0.member("version", booking.version)
            $0.member("event_id", booking.event)
            $0.member("show_id", booking.show)
            $0.member("zone_id", booking.zone)
            $0.member("quantity", booking.quantity)
            writeItems(&$0, zone: booking.zone, seats: booking.seats, quantity: booking.quantity, unitPriceMinor: booking.unitPriceMinor)
            $0.member("total_minor", booking.totalMinor)
            $0.member("currency", booking.currency)
            $0.member("created_at", booking.createdAt.description)
            $0.member("expires_at", booking.expiresAt.description)
            $0.member("updated_at", booking.updatedAt.description)
            if let payment = booking.payment {
                PaymentBody.writeReference(&$0, payment)
                $0.member("payment_state", ifPresent: booking.paymentState?.rawValue)
            }
            $0.member("reason", ifPresent: booking.reason?.rawValue)
            if booking.status == .confirmed { $0.member("ticket_reference", booking.id.ticketReference) }
            if let projected { $0.member("projected", projected) }
        }
    }

    static func writeItems(_ writer: inout JSONWriter, zone: ZoneID, seats: [SeatID], quantity: Int64, unitPriceMinor: Int64) {
        writer.key("items")
        writer.array {
            if seats.isEmpty {
                $0.object {
                    $0.member("zone_id", zone)
                    $0.member("quantity", quantity)
                    $0.member("unit_price_minor", unitPriceMinor)
                }
            }
            for seat in seats {
                $0.object {
                    $0.member("zone_id", zone)
                    $0.member("seat_id", seat)
                    $0.member("quantity", 1)
                    $0.member("unit_price_minor", unitPriceMinor)
                }
            }
        }
    }
}

/// How an operation looks in an answer.
enum OperationBody {
    static func write(_ writer: inout JSONWriter, _ operation: Operation) {
        writer.object {
            $0.member("id", operation.id)
            $0.member("type", operation.type)
            $0.member("status", operation.status.rawValue)
            $0.member("resource", operation.resource)
            if let code = operation.errorCode {
                $0.key("error")
                $0.object {
                    $0.member("code", code.rawValue)
                    $0.member("message", operation.errorMessage ?? "")
                }
            }
        }
    }
}
