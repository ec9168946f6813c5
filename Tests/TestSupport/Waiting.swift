/// Asks until a condition holds; the only way in which these tests wait for what the product does.
/// - Parameters:
///   - condition: in words, for the failure.
///   - limit: how long it may take.
///   - pause: between two questions.
/// - Returns: how long it took.
/// - Throws: ``TestFailure`` when the limit passes first.
@discardableResult
public func waitUntil(
    _ condition: String, limit: Duration = .seconds(20), pause: Duration = .milliseconds(50), _ holds: () async throws -> Bool
) async throws -> Duration {
    let start = ContinuousClock.now
    while true {
        if try await holds() { return ContinuousClock.now - start }
        guard ContinuousClock.now - start < limit else { throw TestFailure("not within \(limit): \(condition)") }
        try await Task.sleep(for: pause)
    }
}

/// Lets time pass until a moment of the wall clock that the test itself aims at, such as the end of a hold.
public func reach(_ moment: WallClock) async throws {
    let left = moment.ms - WallClock.now.ms
    if left > 0 { try await Task.sleep(for: .milliseconds(left)) }
}

extension Duration {
    /// Milliseconds, for a measure that is printed.
    public var inMs: Double { self / .milliseconds(1) }
}

/// Prints a figure that a test measured, so that it stands in the test's output.
public func report(_ measure: String) {
    print("measured: \(measure)")
}
