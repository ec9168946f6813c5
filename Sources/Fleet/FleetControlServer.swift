import Foundation
import Hummingbird
import Logging

/// The supervisor's port, on the loopback: `GET /fleet`, `POST /fleet/scale`, `/fleet/drain`, `/fleet/down`, with the token of the control file.
public struct FleetControlServer: Sendable {
    /// An order is some names and numbers.
    private static let maxBody = 4_096

    private let supervisor: FleetSupervisor
    private let directory: String
    private let onDown: @Sendable () -> Void

    /// - Parameters:
    ///   - directory: where the control file is put.
    ///   - onDown: called when the fleet was told to go down, and is.
    public init(supervisor: FleetSupervisor, directory: String, onDown: @escaping @Sendable () -> Void = {}) {
        self.supervisor = supervisor
        self.directory = directory
        self.onDown = onDown
    }

    /// Serves until it is cancelled.
    public func run() async throws {
        let token = (0..<32).map { _ in String(format: "%02x", UInt8.random(in: .min ... .max)) }.joined()
        var quiet = Logger(label: "fleet")
        quiet.logLevel = .critical
        let application = Application(
            router: router(token: token), configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { [directory] channel in
                guard let port = channel.localAddress?.port else { return }
                // A fleet that cannot be asked still does its work.
                try? FleetControlFile(port: port, token: token, pid: ProcessInfo.processInfo.processIdentifier).write(in: directory)
            }, logger: quiet)
        defer { FleetControlFile.remove(in: directory) }
        try await application.run()
    }

    private func router(token: String) -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: FleetToken(expected: "Bearer \(token)"))
        let (supervisor, onDown) = (supervisor, onDown)
        router.get("fleet") { _, _ in try await Self.answer(supervisor) }
        router.post("fleet/scale") { request, _ in
            let order = try await Self.order(request)
            return try await Self.obey(supervisor, order, "scale") { () async throws(FleetError) in
                try await supervisor.scale(order.worker ?? "", order.copies.map { .fixed($0) } ?? .automatic)
            }
        }
        router.post("fleet/drain") { request, _ in
            let order = try await Self.order(request)
            return try await Self.obey(supervisor, order, "drain") { () async throws(FleetError) in
                try await supervisor.drain(order.worker ?? "", copy: order.copy)
            }
        }
        router.post("fleet/down") { request, _ in
            let response = try await Self.obey(supervisor, try await Self.order(request), "down") { () async throws(FleetError) in
                try await supervisor.down()
            }
            await supervisor.whenDown(onDown)
            return response
        }
        return router
    }

    private static func order(_ request: Request) async throws -> FleetOrder {
        let body = try await request.body.collect(upTo: maxBody)
        guard let order = try? FleetJSON.decoder().decode(FleetOrder.self, from: Data(buffer: body)) else { throw HTTPError(.badRequest) }
        return order
    }

    private static func obey(
        _ supervisor: FleetSupervisor, _ order: FleetOrder, _ what: String, _ body: () async throws(FleetError) -> Void
    ) async throws -> Response {
        await supervisor.ordered(order, what)
        do {
            try await body()
        } catch {
            return Response(status: .unprocessableContent, body: ResponseBody(byteBuffer: ByteBuffer(string: error.description)))
        }
        return try await answer(supervisor)
    }

    private static func answer(_ supervisor: FleetSupervisor) async throws -> Response {
        let data = try FleetJSON.encoder().encode(await supervisor.status())
        return Response(status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}

/// Turns away whoever has not read the control file.
private struct FleetToken: RouterMiddleware {
    typealias Context = BasicRequestContext

    let expected: String

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws -> Response {
        guard request.headers[.authorization] == expected else { throw HTTPError(.unauthorized) }
        return try await next(request, context)
    }
}
