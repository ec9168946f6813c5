public import BookingEngine
public import ServiceLifecycle

/// Recovers Redis whenever it is not trusted, if nobody else does.
public struct RecoveryService: Service {
    /// How often it is looked whether Redis is trusted.
    static let interval: Duration = .milliseconds(100)
    /// The pause after a try that failed.
    static let pause: Duration = .milliseconds(500)

    private let recovery: Recovery
    private let trust: Trust

    public init(recovery: Recovery, trust: Trust) {
        self.recovery = recovery
        self.trust = trust
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var wait = Self.interval
                if !trust.isTrusted, recovery.redis.isConnected, await !trust.look() {
                    do {
                        let report = try await recovery.run()
                        if !report.wasTrusted {
                            recovery.logger.notice(
                                "Redis was recovered",
                                metadata: [
                                    "from": "\(report.from)", "events": "\(report.events)", "restored": "\(report.restored)",
                                    "lost": "\(report.lost)", "epoch": "\(report.epoch)", "seconds": "\(report.seconds)",
                                ])
                        }
                        await trust.look()
                    } catch let error as RecoveryError where error.code == .busy {
                        recovery.logger.debug("another process recovers")
                    } catch {
                        recovery.logger.warning("Redis was not recovered", metadata: ["error": "\(error)"])
                        wait = Self.pause
                    }
                }
                try? await Task.sleep(for: wait)
            }
        }
    }
}
