public import ServiceLifecycle

extension CurlClient: Service {
    /// Starts, runs until graceful shutdown or cancellation, then shuts down.
    public func run() async throws {
        try start()
        // Cancellation ends the wait too, and then there is the same to do.
        try? await gracefulShutdown()
        await shutdown()
    }
}
