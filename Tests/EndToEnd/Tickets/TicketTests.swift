import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// The e-ticket: one signed code a place, in four forms, for its owner alone.
    @Suite struct Tickets {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func everyPlaceHasItsCodeInEveryForm() async throws {
            var plan = EventPlan(.numbered("Stalls", rows: 2, seatsPerRow: 5))
            plan.title = "Night & <Day>"
            let event = try await installation.seed(plan)
            // A venue whose clock is not ours.
            let venue = "0189\(event.id.dropFirst(4))"
            let tenant = try await installation.tenant()
            _ = try await installation.psql(
                """
                INSERT INTO venues (id, tenant_id, name, city, country, time_zone)
                VALUES ('\(venue)', '\(tenant)', 'Old Hall', 'Kathmandu', 'NP', 'Asia/Kathmandu');
                UPDATE events SET venue_id = '\(venue)' WHERE id = '\(event.id)'
                """)
            let client = try await installation.client()
            let (booking, _) = try await client.buy(event.zone, seats: Array(event.zone.seats[1...2]))

            let answer = try await client.ticket(booking)
            let data = answer.json["data"]
            #expect(answer.status == 200 && answer.header("Cache-Control") == "private, no-store" && answer.header("Vary") == "Accept")
            #expect(data["booking_id"].string == booking && data["event"].string == plan.title && data["zone"].string == "Stalls")
            #expect(data["venue"].string == "Old Hall" && data["time_zone"].string == "Asia/Kathmandu")
            #expect(data["starts_at_local"].string?.hasSuffix("+05:45") == true)
            let tickets = try #require(data["tickets"].array)
            #expect(tickets.map { $0["seat_id"].string } == Array(event.zone.seats[1...2]))
            #expect(tickets.map { $0["seat"].string } == ["2", "3"] && tickets.map { $0["number"].int } == [1, 2])
            #expect(tickets.allSatisfy { $0["used_at"].string == nil })
            let codes = tickets.compactMap { $0["code"].string }
            #expect(Set(codes).count == 2)
            #expect(try await client.codes(booking) == codes)

            for (index, ticket) in tickets.enumerated() {
                let png = try await client.probe.get(try #require(ticket["png"].string))
                #expect(png.status == 200 && png.header("Content-Type") == "image/png")
                #expect(try await Installation.decode(png.body, "png") == codes[index])
                let svg = try await client.probe.get(try #require(ticket["svg"].string))
                #expect(svg.header("Content-Type") == "image/svg+xml" && svg.text.hasPrefix("<svg xmlns="))
                // By the seat's id as well as by its number.
                let named = try await client.ticket(booking, "?seat=\(event.zone.seats[1 + index])", accept: "image/svg+xml")
                #expect(named.body == svg.body)
            }
            let page = try await client.ticket(booking, accept: "text/html,application/xhtml+xml,*/*;q=0.8")
            #expect(page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8")
            #expect(page.text.contains("Night &amp; &lt;Day&gt;") && page.text.contains("Old Hall, Kathmandu") && page.text.contains("UTC+5:45"))
            #expect(page.text.contains("<svg") && page.header("Content-Security-Policy")?.contains("style-src 'sha256-") == true)
            expectHeadersOfEveryAnswer(page)
            #expect(try await client.ticket(booking, "?format=html&lang=th").text.contains("บัตรอิเล็กทรอนิกส์"))
        }

        @Test func aTicketIsForTheOwnerOfAPaidBooking() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let clients = try await installation.clients(2)
            let client = clients[0]
            let held = try await client.hold(zone, quantity: 2)
            expectRefusal(try await client.ticket(held.id), 409, "INVALID_STATE", field: "id")
            _ = try await client.outcome(of: try Client.Accepted(await client.pay(held.id)).operation)
            #expect(try await client.codes(held.id).count == 2)

            expectRefusal(try await clients[1].ticket(held.id), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await installation.staff("admin").ticket(held.id), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await client.ticket("01890000-0000-7000-8000-000000000000"), 404, "NOT_FOUND", field: "id")
            expectRefusal(try await client.ticket("x"), 400, "VALIDATION_ERROR", field: "id")
            expectRefusal(try await client.ticket(held.id, "?format=pdf"), 400, "VALIDATION_ERROR", field: "format")
            expectRefusal(try await client.ticket(held.id, "?format=html&lang=xx"), 400, "VALIDATION_ERROR", field: "lang")
            // An image shows one ticket.
            expectRefusal(try await client.ticket(held.id, "?format=png"), 400, "VALIDATION_ERROR", field: "seat")
            for seat in ["0", "3", "x", zone.id] {
                expectRefusal(try await client.ticket(held.id, "?format=svg&seat=\(seat)"), 404, "NOT_FOUND", field: "seat")
            }
            let path = "/api/v1/bookings/\(held.id)/ticket"
            expectRefusal(try await installation.anonymous().get(path), 401, "UNAUTHORIZED")

            let cancelled = try await client.hold(zone)
            _ = try await client.cancel(cancelled.id)
            _ = try await client.ending(of: cancelled.id)
            expectRefusal(try await client.ticket(cancelled.id), 409, "INVALID_STATE", field: "id")
        }

        @Test func theLinkOfAMailOpensWithoutSigningIn() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let (booking, _) = try await client.buy(zone)
            let anonymous = try installation.anonymous()
            let soon = Int(WallClock.now.ms / 1000) + 600
            let link = try await installation.ticketLink(booking, expires: soon)
            let page = try await anonymous.get(link)
            #expect(
                page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8" && page.header("Referrer-Policy") == "no-referrer")
            #expect(page.text.contains("<svg"))
            let (other, _) = try await client.buy(zone)
            let late = try await installation.ticketLink(booking, expires: soon - 1200)
            for wrong in [link.replacing(booking, with: other), link.replacing("\(soon)", with: "\(soon + 1)"), "\(link)A", late] {
                expectRefusal(try await anonymous.get(wrong), 401, "UNAUTHORIZED", field: "signature")
            }
        }
    }
}
