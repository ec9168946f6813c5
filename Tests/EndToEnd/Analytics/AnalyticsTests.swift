import Foundation
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// What an organiser learns of the sales, counted from outside.
    @Suite struct Analytics {
        private static let path = "/api/v1/analytics"

        let installation: Installation

        init() throws {
            installation = try .running()
        }

        /// Reads a report until a figure in its totals is as it should be.
        private func report(_ client: Client, _ path: String, where figure: String, is value: Int) async throws -> JSONValue {
            var data = JSONValue.null
            try await waitUntil("\(figure) of \(path) is \(value)", limit: .seconds(60), pause: .milliseconds(700)) {
                let answer = try await client.probe.get(path)
                data = answer.json["data"]
                return data["totals"][figure].int == value
            }
            return data
        }

        private func today() -> String { String(Date().ISO8601Format().prefix(10)) }

        @Test func aSaleIsCountedByTheMinuteAndByTheDay() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 20)))
            let clients = try await installation.clients(4)
            let organizer = try await installation.staff()
            let anonymous = try installation.anonymous()
            for name in [event.id, event.slug, event.id] { #expect(try await anonymous.get("/api/v1/events/\(name)").status == 200) }
            _ = try await clients[0].buy(event.zone, quantity: 2)
            let refused = try await clients[1].hold(event.zone)
            #expect(try await clients[1].cancel(refused.id).status == 202)
            _ = try await clients[2].hold(event.zone, quantity: 3)

            let daily = try await report(organizer, "\(Self.path)/events/\(event.id)/daily", where: "cancellations", is: 1)
            _ = try await report(organizer, "\(Self.path)/events/\(event.id)/daily", where: "conversions", is: 1)
            let views = try await report(organizer, "\(Self.path)/events/\(event.id)/daily", where: "views", is: 3)
            #expect(daily["event_id"].string == event.id && daily["time_zone"].string == "UTC" && daily["until"].string == today())
            let totals = views["totals"]
            #expect(totals["reservations"].int == 3 && totals["tickets_reserved"].int == 6)
            #expect(totals["conversions"].int == 1 && totals["tickets_sold"].int == 2 && totals["expiries"].int == 0)
            #expect(totals["money"][0]["currency"].string == "THB" && totals["money"][0]["revenue_minor"].int == 300_000)
            #expect(totals["money"][0]["net_minor"].int == 300_000 && totals["money"].array?.count == 1)
            #expect((views["days"].array ?? []).reduce(0) { $0 + ($1["views"].int ?? 0) } == 3)

            let realtime = try await organizer.probe.get("\(Self.path)/events/\(event.id)/realtime?minutes=180").json["data"]
            for figure in ["views", "reservations", "tickets_reserved", "conversions", "tickets_sold", "cancellations"] {
                #expect(realtime["totals"][figure].int == totals[figure].int, "\(figure)")
            }
            #expect((realtime["minutes"].array ?? []).allSatisfy { $0["minute"].string?.hasSuffix(":00Z") == true })

            let dashboard = try await organizer.probe.get("\(Self.path)/dashboard?limit=100").json["data"]
            let line = dashboard["events"].array?.first { $0["event_id"].string == event.id }
            #expect(line?["slug"].string == event.slug && line?["tickets_sold"].int == 2 && line?["views"].int == 3)
            #expect(line?["money"][0]["revenue_minor"].int == 300_000)

            let verdict = try await installation.run(["analytics", "check", "--json", "--wait", "60"])
            #expect(verdict.status == 0, "\(verdict.text) \(verdict.errors)")
        }

        @Test func anOrganizerSeesTheOwnTenantOnlyAndABuyerNothing() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 2)))
            let (buyer, organizer, admin) = (try await installation.client(), try await installation.staff(), try await installation.staff("admin"))
            let foreign = try await installation.staff(tenant: "01890000-0000-7000-8000-000000000000")
            let unknown = "01890000-0000-7000-8000-0000000000ff"
            for report in ["realtime", "daily"] {
                let path = "\(Self.path)/events/\(event.id)/\(report)"
                expectRefusal(try await installation.anonymous().get(path), 401, "UNAUTHORIZED", field: "Authorization")
                expectRefusal(try await buyer.probe.get(path), 403, "FORBIDDEN", field: "Authorization")
                expectRefusal(try await foreign.probe.get(path), 404, "NOT_FOUND", field: "id")
                for reader in [organizer, admin] {
                    #expect(try await reader.probe.get(path).status == 200)
                    expectRefusal(try await reader.probe.get("\(Self.path)/events/\(unknown)/\(report)"), 404, "NOT_FOUND", field: "id")
                    expectRefusal(try await reader.probe.get("\(Self.path)/events/x/\(report)"), 400, "VALIDATION_ERROR", field: "id")
                }
            }
            expectRefusal(try await buyer.probe.get("\(Self.path)/dashboard"), 403, "FORBIDDEN", field: "Authorization")
            let nothing = try await foreign.probe.get("\(Self.path)/dashboard").json["data"]
            #expect(nothing["events"].array?.isEmpty == true && nothing["totals"]["reservations"].int == 0)
            expectRefusal(try await foreign.probe.get("\(Self.path)/dashboard?tenant=tests"), 404, "NOT_FOUND", field: "tenant")
            #expect(try await admin.probe.get("\(Self.path)/dashboard?tenant=tests").status == 200)
            #expect(try await organizer.probe.get("\(Self.path)/dashboard?tenant=tests").status == 200)
        }

        @Test(arguments: [
            ("daily?from=yesterday", "from"), ("daily?until=2026-02-30", "until"), ("daily?from=2026-11-02&until=2026-11-01", "from"),
            ("daily?from=2024-01-01&until=2026-01-01", "from"), ("daily?from=2026-11-01T00:00:00Z", "from"), ("realtime?minutes=0", "minutes"),
            ("daily?form=2026-01-01", "form"), ("realtime?minutes=181", "minutes"), ("realtime?minutes=x", "minutes"),
        ])
        func aWrongQueryIsNamed(query: String, field: String) async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 1)))
            let organizer = try await installation.staff()
            expectRefusal(try await organizer.probe.get("\(Self.path)/events/\(event.id)/\(query)"), 400, "VALIDATION_ERROR", field: field, query)
        }

        @Test func aPageIsShownAsFastWhileKafkaIsAwayAndWhatIsNotToldIsCounted() async throws {
            let stack = installation.stack
            let event = try await installation.seed(EventPlan(.general("Floor", 1)))
            let anonymous = try installation.anonymous()
            #expect(try await anonymous.get("/api/v1/events/\(event.id)").status == 200)
            let metrics = HTTPProbe(port: try stack.metricsPort(of: .ingress))
            func dropped() async throws -> Double {
                let line = try await metrics.get("/metrics").text.split(separator: "\n")
                    .first { $0.hasPrefix("analytics_views_total{") && $0.contains("dropped") }
                return line.flatMap { Double($0.split(separator: " ").last ?? "") } ?? 0
            }
            let before = try await dropped()
            try await stack.kill(.broker)
            do {
                for _ in 0..<12 {
                    let start = ContinuousClock.now
                    #expect(try await anonymous.get("/api/v1/events/\(event.id)").status == 200)
                    #expect(ContinuousClock.now - start < .seconds(1))
                }
                try await waitUntil("what Kafka did not take is counted", limit: .seconds(30)) { try await dropped() >= before + 12 }
                try await stack.startBroker()
            } catch {
                // The tests after this one want a broker.
                if await !stack.isRunning(.broker) { try await stack.startBroker() }
                throw error
            }
            try await waitUntil("a view is told again", limit: .seconds(60), pause: .seconds(1)) {
                _ = try await anonymous.get("/api/v1/events/\(event.id)")
                return try await installation.psql(
                    "SELECT coalesce(sum(views), 0) FROM analytics_daily WHERE event_id = '\(event.id)'")[0][0] != "1"
            }
        }

        @Test func theWorkerIsKilledWhilePeopleBuyAndTheFiguresStayTrue() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 400)))
            let clients = try await installation.clients(60)
            let stack = installation.stack
            async let sale: Void = {
                for group in stride(from: 0, to: clients.count, by: 6) {
                    _ = try await atOnce(6) { number in
                        let client = clients[group + number]
                        _ = try await client.probe.get("/api/v1/events/\(event.id)")
                        if number % 2 == 0 { _ = try await client.buy(event.zone, quantity: 1) } else { _ = try await client.hold(event.zone) }
                    }
                }
            }()
            for _ in 0..<4 {
                try await stack.kill(.worker("analytics"))
                try await stack.startWorker("analytics")
                try await Task.sleep(for: .milliseconds(Int.random(in: 200...1_200)))
            }
            try await sale
            let verdict = try await installation.run(["analytics", "check", "--json", "--wait", "60"])
            #expect(verdict.status == 0, "\(verdict.text) \(verdict.errors)")
            let rows = try await installation.psql(
                "SELECT sum(reservations), sum(conversions) FROM analytics_daily WHERE event_id = '\(event.id)'")
            #expect(rows[0] == ["60", "30"])
        }

        @Test func theTablesAreMadeAnewFromTheTopics() async throws {
            let event = try await installation.seed(EventPlan(.general("Floor", 10)))
            let client = try await installation.client()
            _ = try await client.buy(event.zone)
            let organizer = try await installation.staff()
            _ = try await report(organizer, "\(Self.path)/events/\(event.id)/daily", where: "conversions", is: 1)
            let same = try await installation.run(["replay", "rebuild", "analytics", "--yes", "--json"])
            #expect(same.status == 0, "\(same.text) \(same.errors)")
            _ = try await installation.psql("UPDATE analytics_daily SET conversions = conversions + 7 WHERE event_id = '\(event.id)'")
            let broken = try await installation.run(["analytics", "check", "--json"])
            #expect(broken.status == 1)
            let refused = try await installation.run(["replay", "rebuild", "analytics", "--yes", "--json"])
            #expect(refused.status == 1)
            let id = try await installation.psql("SELECT id FROM replays WHERE target = 'analytics' AND status = 'open'")[0][0]
            let mended = try await installation.run(["replay", "resume", id, "--accept-differences", "--json"])
            #expect(mended.status == 0, "\(mended.text) \(mended.errors)")
            let verdict = try await installation.run(["analytics", "check", "--json", "--wait", "60"])
            #expect(verdict.status == 0, "\(verdict.text) \(verdict.errors)")
        }
    }
}
