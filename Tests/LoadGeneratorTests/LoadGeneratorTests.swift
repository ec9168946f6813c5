import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import LoadGenerator

@Suite(.serialized, .timeLimit(.minutes(1))) struct LoadGeneratorTests {
    private let request: @Sendable (Int, inout [UInt8]) -> Void = { index, bytes in
        bytes.append(contentsOf: "GET /\(index) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
    }
    private static let ok = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"

    @Test func openLoopSendsEachRequestOnceAtItsRate() async throws {
        let server = try await AnsweringServer { _ in Self.ok }
        let seen = Mutex<[Int: Int]>([:])
        var plan = LoadPlan(port: server.port, connections: 8, pace: .perSecond(2_000), duration: .milliseconds(500), request: request)
        plan.onAnswer = { index, status, body in
            if status == 202, body.elementsEqual("{}".utf8) { seen.withLock { $0[index, default: 0] += 1 } }
        }
        let report = try await LoadGenerator.run(plan)
        #expect(report.sent == 1_000 && report.answered == 1_000)
        #expect(report.codes == [202: 1_000])
        #expect(report.errors == 0)
        #expect(seen.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<1_000).map { ($0, 1) }))
        #expect(report.elapsed > .milliseconds(450))
        #expect(report.p50Ms > 0 && report.p50Ms <= report.p99Ms && report.p99Ms <= report.maxMs)
        await server.close()
    }

    @Test func waitForABusyConnectionCountsIntoTheLatency() async throws {
        // One connection, 20 ms an answer, a request due each 5 ms: the tenth waits for nine.
        let server = try await AnsweringServer(delay: .milliseconds(20)) { _ in Self.ok }
        var plan = LoadPlan(port: server.port, connections: 1, pace: .perSecond(200), duration: .milliseconds(50), request: request)
        plan.answerTimeout = .seconds(5)
        let report = try await LoadGenerator.run(plan)
        #expect(report.answered == 10)
        #expect(report.maxMs > 10 * 20 - 9 * 5 - 10)
        await server.close()
    }

    @Test func closedLoopGoesAsFastAsAnswersCome() async throws {
        let server = try await AnsweringServer { _ in Self.ok }
        var plan = LoadPlan(port: server.port, connections: 4, pace: .asFastAsPossible, duration: .seconds(20), request: request)
        plan.maxRequests = 5_000
        let report = try await LoadGenerator.run(plan)
        #expect(report.answered == 5_000)
        #expect(report.requestsPerSecond > 1_000)
        await server.close()
    }

    @Test func serverErrorsAndLostConnectionsAreErrors() async throws {
        let server = try await AnsweringServer { index in
            switch index % 4 {
            case 0: "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            case 1: nil
            case 2: "HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            default: Self.ok
            }
        }
        let report = try await LoadGenerator.run(
            LoadPlan(port: server.port, connections: 20, pace: .perSecond(400), duration: .milliseconds(500), request: request))
        #expect(report.codes == [503: 50, 409: 50, 202: 50])
        #expect(report.unanswered == 50)
        #expect(report.errors == 100)
        #expect(report.reconnects > 0)
        await server.close()
    }

    @Test func serverThatIsNotThereIsATypedError() async throws {
        let server = try await AnsweringServer { _ in nil }
        await server.close()
        var plan = LoadPlan(port: server.port, connections: 1, pace: .asFastAsPossible, duration: .seconds(1), request: request)
        var error = await #expect(throws: LoadError.self) { try await LoadGenerator.run(plan) }
        #expect(error?.code == .cannotConnect)
        plan.pace = .perSecond(0)
        error = await #expect(throws: LoadError.self) { try await LoadGenerator.run(plan) }
        #expect(error?.code == .invalidPlan)
    }

    @Test func scannerFindsTheEndInAnyPieces() {
        let text = "HTTP/1.1 200 OK\r\nX: y\r\ncontent-length:  5\r\nConnection: Close\r\n\r\nhello"
        let bytes = Array(text.utf8)
        var scanner = AnswerScanner()
        for count in 1..<bytes.count { #expect(bytes[..<count].withUnsafeBytes { scanner.scan($0) } == .incomplete) }
        let outcome = bytes.withUnsafeBytes { scanner.scan($0) }
        #expect(outcome == .whole(status: 200, bodyStart: bytes.count - 5, end: bytes.count, closes: true))
        var other = AnswerScanner()
        #expect(Array("NOT HTTP AT ALL\r\n\r\n".utf8).withUnsafeBytes { other.scan($0) } == .malformed)
    }

    @Test func cpuOfAProcessIsSeen() {
        let sampler = CPUSampler(["self": getpid(), "gone": 2_000_000_000])
        var sum = 0.0
        let end = Date().addingTimeInterval(0.2)
        while Date() < end { sum += 1 }
        let usage = sampler.usage()
        #expect(sum > 0)
        #expect((usage.percent["self"] ?? 0) > 10)
        #expect(usage.percent["gone"] == nil)
    }
}

/// Answers request `/N` with what the test says, nil closes the connection.
private final class AnsweringServer: Sendable {
    let port: Int
    private let channel: any Channel

    init(delay: TimeAmount = .zero, _ answer: @escaping @Sendable (Int) -> String?) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(delay, answer)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func close() async { try? await channel.close().get() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let delay: TimeAmount
        private let answer: @Sendable (Int) -> String?

        init(_ delay: TimeAmount, _ answer: @escaping @Sendable (Int) -> String?) {
            self.delay = delay
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let request = String(buffer: unwrapInboundIn(data))
            let index = Int(request.split(separator: " ")[1].dropFirst()) ?? 0
            guard let text = answer(index) else { return context.close(promise: nil) }
            if delay == .zero {
                context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
            } else {
                let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: delay) { bound.value.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil) }
            }
        }
    }
}
