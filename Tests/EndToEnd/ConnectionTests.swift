import Foundation
import Glibc
import LocalStack
import TestSupport
import Testing

extension EndToEnd {
    /// Several requests on one connection: reserves have a way of their own through the ingress, and their order is everybody's.
    @Suite struct Connections {
        let installation: Installation

        init() throws {
            installation = try .running()
        }

        @Test func pipelinedRequestsAreAnsweredInTheirOrder() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let reserve = { Self.reserve(client, zone.body(quantity: 1)) }
            let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            let nothing = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
            let mixed = reserve() + health + reserve() + reserve() + nothing + health + reserve()
            #expect(try await exchange(mixed).map(\.status) == [202, 200, 202, 202, 404, 200, 202])
            #expect(try await installation.available(zone) == 6)
        }

        @Test func clientThatStopsSendingGetsItsAnswer() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let answers = try await exchange(Self.reserve(client, zone.body(quantity: 2)))
            #expect(answers.map(\.status) == [202])
            #expect(answers.first?.head.contains("Connection: close") == false)
        }

        @Test func connectionClosesWhenTheClientAsksForIt() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let last = Self.reserve(client, zone.body(quantity: 1), headers: "Connection: close\r\n")
            // What comes after the last request is nobody's.
            let answers = try await exchange(last + Self.reserve(client, zone.body(quantity: 1)), endsSending: false)
            #expect(answers.map(\.status) == [202])
            #expect(answers.first?.head.contains("Connection: close") == true)
            #expect(try await installation.available(zone) == 9)
        }

        @Test func bodyMayComeInChunksAndARefusedOneDoesNotEndTheConnection() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let body = zone.body(quantity: 1)
            let half = body.utf8.count / 2
            let (first, second) = (String(body.prefix(half)), String(body.dropFirst(half)))
            let chunks = [first, second].map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
            let chunked = Self.head(client, "Transfer-Encoding: chunked\r\n") + chunks
            let blanks = String(repeating: " ", count: 70_000)
            let tooLarge = Self.head(client, "Transfer-Encoding: chunked\r\n") + "\(String(blanks.utf8.count, radix: 16))\r\n\(blanks)\r\n0\r\n\r\n"
            let noKey =
                "POST /api/v1/bookings/reserve?x=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(client.user.token)\r\nContent-Length: 2\r\n\r\n{}"
            let statuses = try await exchange(chunked + tooLarge + noKey + Self.reserve(client, body)).map(\.status)
            #expect(statuses == [202, 413, 400, 202])
        }

        @Test func garbageBehindARequestIsRefusedAfterItsAnswer() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let reserve = Self.reserve(client, zone.body(quantity: 1))
            #expect(try await exchange(reserve + "NONSENSE\r\n\r\n", endsSending: false).map(\.status) == [202, 400])
            let broken = Self.head(client, "Transfer-Encoding: chunked\r\n") + "zz\r\n"
            #expect(try await exchange(broken, endsSending: false).map(\.status) == [400])
        }

        @Test(arguments: ["GET /health", "GET /nothing", "CONNECT x:443"])
        func connectionEndsWithTheAnswerToAnUpgrade(_ request: String) async throws {
            let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
            let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            let answers = try await exchange("\(health)\(request) HTTP/1.1\r\nHost: x\r\n\(upgrade)\r\n", endsSending: false)
            #expect(answers.map(\.status) == [200, request == "GET /health" ? 200 : 404])
            #expect(answers.map { $0.head.contains("Connection: close") } == [false, true])
        }

        @Test func connectionEndsWithTheAnswerToAReserveThatAsksForAnUpgrade() async throws {
            let zone = try await installation.seed(EventPlan(.general("Floor", 10))).zone
            let client = try await installation.client()
            let upgrade = "Connection: Upgrade\r\nUpgrade: h2c\r\n"
            for (body, status) in [(zone.body(quantity: 1), 202), ("{}", 400)] {
                let answers = try await exchange(Self.reserve(client, body, headers: upgrade), endsSending: false)
                #expect(answers.map(\.status) == [status])
                #expect(answers.first?.head.contains("Connection: close") == true)
            }
        }

        @Test func whatBreaksBehindItsRefusalIsNotAnsweredTwice() async throws {
            let client = try await installation.client()
            let blanks = String(repeating: " ", count: 196_608)
            let broken = Self.head(client, "Transfer-Encoding: chunked\r\n") + "\(String(blanks.utf8.count, radix: 16))\r\n\(blanks)\r\nz"
            #expect(try await exchange(broken, endsSending: false).map(\.status) == [413])
        }

        private static func head(_ client: Client, _ more: String) -> String {
            "POST /api/v1/bookings/reserve HTTP/1.1\r\nHost: x\r\nauthorization: Bearer \(client.user.token)\r\nCONTENT-TYPE: application/json\r\n"
                + "Idempotency-key: \(Client.newKey())\r\n\(more)\r\n"
        }

        private static func reserve(_ client: Client, _ body: String, headers: String = "") -> String {
            head(client, "\(headers)Content-Length: \(body.utf8.count)\r\n") + body
        }

        private struct Answer {
            let status: Int
            let head: String
        }

        /// Sends everything at once, as a rule stops sending, and reads until the ingress closes, 10 s at most.
        private func exchange(_ text: String, endsSending: Bool = true) async throws -> [Answer] {
            let port = installation.stack.endpoints.httpPort
            let received = try await Task.detached { try Self.talk(Array(text.utf8), port: port, endsSending: endsSending) }.value
            var answers: [Answer] = []
            var rest = received[...]
            while let end = rest.range(of: "\r\n\r\n") {
                let head = String(rest[..<end.lowerBound])
                let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }?.split(separator: " ").last
                let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) }
                answers.append(Answer(status: try #require(status), head: head))
                rest = rest[end.upperBound...].dropFirst(try #require(length.flatMap { Int($0) }))
            }
            #expect(rest.isEmpty)
            return answers
        }

        private static func talk(_ bytes: [UInt8], port: Int, endsSending: Bool) throws -> String {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var limit = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
            try #require(connected == 0)
            #expect(send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
            if endsSending { shutdown(descriptor, Int32(SHUT_WR)) }
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                try #require(count >= 0, "the ingress did not close the connection")
                if count == 0 { break }
                received += buffer[..<count]
            }
            return String(decoding: received, as: UTF8.self)
        }
    }
}
