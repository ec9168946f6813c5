import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// A sale that all stores forgot, and of which is heard when its seat is another's: the booking ends, and its money goes back once.
    @Suite struct LostSale {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        /// The value of a booking's newest event, as it is on the topic.
        private func newestEvent(of booking: String) async throws -> String {
            let output = try await Command.run(
                "/usr/bin/kcat",
                [
                    "-C", "-q", "-e", "-b", installation.stack.endpoints.kafkaBootstrapServers, "-t", "booking.events", "-o", "beginning", "-f",
                    "%k\t%s\n",
                ], environment: [:], limit: .seconds(60))
            let values = output.text.split(separator: "\n").filter { $0.hasPrefix(booking) }.map { String($0.drop { $0 != "\t" }.dropFirst()) }
            return try #require(values.last)
        }

        private func refunds(of payment: String) async throws -> [[String]] {
            try await installation.psql("SELECT cause, status FROM refunds WHERE payment_id = '\(payment)'")
        }

        @Test func itsMoneyGoesBackExactlyOnce() async throws {
            let zone = try await installation.seed(EventPlan(.general("Box", 1))).zone
            let (loser, winner) = (try await installation.client(), try await installation.client())
            let sale = try await loser.buy(zone)
            let before = try await installation.checkInventory()
            #expect(before.holds, "\(before.report)")
            let event = try await newestEvent(of: sale.booking)

            // What no replica had: the row, and with Redis the hold.
            _ = try await installation.psql("DELETE FROM bookings WHERE id = '\(sale.booking)'")
            let port = installation.stack.endpoints.redisURL.split(separator: ":").last.map { $0.prefix(while: \.isNumber) } ?? ""
            #expect(try await Command.run("/usr/bin/redis-cli", ["-p", "\(port)", "FLUSHALL"], environment: [:], limit: .seconds(10)).status == 0)
            try await waitUntil("the place is free again", limit: .seconds(30), pause: .milliseconds(300)) {
                (try? await installation.available(zone)) == 1
            }
            let other = try await winner.buy(zone)

            // The event of the sale comes at last, and then once more.
            try await installation.produce("booking.events", key: sale.booking, type: "booking.confirmed.v1", values: [event])
            let ended = try await loser.booking(sale.booking, becomes: "ended") { $0["status"].string == "refunded" }
            #expect(ended["reason"].string == "seats_taken")
            try await loser.payment(sale.payment, becomes: "refunded")
            try await installation.produce("booking.events", key: sale.booking, type: "booking.confirmed.v1", values: [event])
            let after = try await installation.checkInventory()
            #expect(after.holds, "\(after.report)")
            #expect(try await refunds(of: sale.payment) == [["seats_taken", "succeeded"]])
            #expect(try await refunds(of: other.payment).isEmpty)
            #expect(try await winner.booking(other.booking).json["data"]["status"].string == "confirmed")
        }
    }
}
