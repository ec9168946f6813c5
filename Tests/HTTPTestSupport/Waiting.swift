/// Waits for a condition.
/// - Throws: ``ServerFailure`` naming what did not come about within the limit.
public func eventually(
    _ what: String, limit: Duration = .seconds(10), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return }
        guard ContinuousClock.now < end else { throw ServerFailure(text: "not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
