import Foundation
import LocalStack

/// The main job: bookings through their life, over the public HTTP API only.
final class Journey {
    struct Report: Codable, Sendable {
        struct Step: Codable, Sendable {
            var name: String
            var ms: Int
        }
        var ok: Bool
        var bookingID: String
        /// What stands on the e-ticket of the first booking.
        var ticketReference: String?
        var refundedPaymentID: String?
        /// Subjects of the main buyer's mails; nil where they went to a mail server that was here before.
        var mails: [String]?
        /// The figures of the event, by name.
        var figures: [String: Int]?
        /// What the audit says of the first booking, oldest first.
        var auditTrail: [String]?
        var steps: [Step]
        var error: String?
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let installation: Installation
    private(set) var report = Report(ok: false, bookingID: "", steps: [])

    init(installation: Installation) {
        self.installation = installation
    }

    var ok: Bool { report.ok }

    func fail(_ error: any Error) {
        report.ok = false
        report.error = "\(error)"
        Output.progress("failed: \(error)")
    }

    func run() async throws {
        let catalogue = try await step("bring everything up") { try await installation.start(.demo) }
        let watch = Task { [installation] in
            do { try await installation.supervise() } catch { if !(error is CancellationError) { Output.progress("\(error)") } }
        }
        defer { watch.cancel() }
        let probe = try installation.stack.probe()
        let buyer = JourneyBuyer(probe: probe.bearer(try await installation.token(email: "alice@example.com")))
        guard let zone = catalogue.events.first?.shows.first?.zones.first(where: { $0.seatIds.isEmpty }) else {
            throw Failure(description: "no zone")
        }
        let place = try await step("find the event over HTTP") { try await buyer.place(zone: zone.name) }
        try await payAndConfirm(buyer, place)
        try await cancel(buyer, place)
        try await step("let a booking expire") {
            let booking = try await buyer.reserve(place, quantity: 1)
            try await buyer.awaitStatus(of: booking, "expired")
        }
        let admin = JourneyBuyer(probe: probe.bearer(try await installation.token(role: .admin)))
        try await step("be let in with the e-ticket, once") {
            try await admin.letIn(try await buyer.ticketCode(of: report.bookingID))
        }
        try await refund(JourneyBuyer(probe: probe.bearer(try await installation.token())), place, decidedBy: admin)
        try await seeReports(buyer, place, admin: admin)
        let check = try await step("check the inventory") { try await InventoryCheck.run(settings: installation.settings, wait: .seconds(30)) }
        if !check.ok || !check.atRest {
            check.print()
            throw Failure(description: check.ok ? "the installation did not come to rest" : "an invariant is broken")
        }
        report.ok = true
    }

    /// The main one: reserve, pay, e-ticket.
    private func payAndConfirm(_ buyer: JourneyBuyer, _ place: JourneyBuyer.Place) async throws {
        let booking = try await step("reserve two places") { try await buyer.reserve(place, quantity: 2) }
        report.bookingID = booking
        try await step("see it arrive in the list, from PostgreSQL") { try await buyer.awaitProjection(of: booking) }
        let payment = try await step("pay") { try await buyer.pay(booking) }
        try await step("long-poll to confirmed") { try await buyer.awaitStatus(of: booking, "confirmed") }
        try await step("see the operation succeed") { try await buyer.awaitSuccess(of: payment.operation) }
        report.ticketReference = try await step("read the e-ticket reference") { try await buyer.ticketReference(of: booking) }
    }

    private func cancel(_ buyer: JourneyBuyer, _ place: JourneyBuyer.Place) async throws {
        let booking = try await step("reserve another") { try await buyer.reserve(place, quantity: 1) }
        let operation = try await step("cancel it") { try await buyer.operate("bookings/\(booking)/cancel") }
        try await step("long-poll to cancelled") { try await buyer.awaitStatus(of: booking, "cancelled") }
        try await step("see the cancellation succeed") { try await buyer.awaitSuccess(of: operation) }
    }

    private func refund(_ buyer: JourneyBuyer, _ place: JourneyBuyer.Place, decidedBy admin: JourneyBuyer) async throws {
        let booking = try await step("reserve and pay a third") {
            let booking = try await buyer.reserve(place, quantity: 1)
            report.refundedPaymentID = try await buyer.pay(booking).payment
            try await buyer.awaitStatus(of: booking, "confirmed")
            return booking
        }
        let refund = try await step("ask the money back") {
            try await buyer.awaitSuccess(of: try await buyer.operate("payments/\(report.refundedPaymentID ?? "")/refund"))
            return try await buyer.refund()
        }
        try await step("approve as the organiser") { try await admin.awaitSuccess(of: try await admin.operate("refunds/\(refund)/approve")) }
        try await step("see it refunded") { try await buyer.awaitStatus(of: booking, "refunded") }
    }

    /// What the workers made of the journey: mails, figures, the audit trail.
    private func seeReports(_ buyer: JourneyBuyer, _ place: JourneyBuyer.Place, admin: JourneyBuyer) async throws {
        try await step("see the mails sent") {
            try await buyer.awaitMails(["reserved": 3, "confirmed": 1, "receipt": 1, "expired": 1])
        }
        if let folder = installation.stack.mailFolder {
            report.mails = try await step("read the mails") { try CaughtMail.all(in: folder, to: "alice@example.com").map(\.subject) }
            for subject in report.mails ?? [] { print("  \(subject)") }
            guard let mails = report.mails, mails.count >= 6 else { throw Failure(description: "\(report.mails?.count ?? 0) mails instead of 6") }
        }
        report.figures = try await step("read the figures of the event") {
            try await admin.awaitFigures(
                of: place.event,
                ["reservations": 4, "conversions": 2, "tickets_sold": 3, "cancellations": 1, "expiries": 1, "refunds": 1])
        }
        report.auditTrail = try await step("read the audit trail of the booking") {
            try await admin.awaitTrail(of: report.bookingID, ["booking.created", "booking.confirmed", "ticket.use"])
        }
        print("  figures: \((report.figures ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
        print("  audit: \((report.auditTrail ?? []).joined(separator: ", "))")
    }

    private func step<T>(_ name: String, _ body: () async throws -> T) async throws -> T {
        let start = ContinuousClock.now
        do {
            let result = try await body()
            let ms = Int((ContinuousClock.now - start) / .milliseconds(1))
            report.steps.append(.init(name: name, ms: ms))
            print("\(name): \(ms) ms")
            return result
        } catch {
            throw error is CancellationError ? error : Failure(description: "\(name): \(error)")
        }
    }
}
