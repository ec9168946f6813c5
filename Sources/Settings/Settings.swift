import Glibc

/// Reads settings from environment variables; a value that cannot be used is an error that names the variable.
///
/// Every variable a process reads stands in `.env.example`; a test compares the two.
public struct Settings: Sendable {
    private let values: [String: String]

    /// The process' own environment.
    public static var environment: Settings {
        var values: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return Settings(values)
    }

    public init(_ values: [String: String]) {
        self.values = values
    }

    /// A text, `nil` when unset or empty.
    public func optional(_ name: String) -> String? {
        guard let value = values[name], !value.isEmpty else { return nil }
        return value
    }

    /// A text that may have a default.
    public func text(_ name: String, default value: String) -> String { optional(name) ?? value }

    /// A text that must be set.
    public func required(_ name: String) throws(SettingsError) -> String {
        guard let value = optional(name) else { throw SettingsError(variable: name, reason: "must be set") }
        return value
    }

    /// A whole number within a range.
    public func int(_ name: String, default value: Int, in range: ClosedRange<Int>) throws(SettingsError) -> Int {
        guard let text = optional(name) else { return value }
        guard let number = Int(text), range.contains(number) else {
            throw SettingsError(variable: name, reason: "must be a whole number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
        }
        return number
    }

    /// A number within a range.
    public func number(_ name: String, default value: Double, in range: ClosedRange<Double>) throws(SettingsError) -> Double {
        guard let text = optional(name) else { return value }
        guard let number = Double(text), range.contains(number) else {
            throw SettingsError(variable: name, reason: "must be a number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
        }
        return number
    }

    /// Words separated by commas.
    public func list(_ name: String) -> [String] {
        (optional(name) ?? "").split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    /// One of a few words.
    public func choice(_ name: String, default value: String, of choices: [String]) throws(SettingsError) -> String {
        let text = text(name, default: value)
        guard choices.contains(text) else {
            throw SettingsError(variable: name, reason: "must be one of \(choices.joined(separator: ", ")), not \"\(text)\"")
        }
        return text
    }

    /// Runs a program's main part; what it throws becomes one line on standard error and exit code 1.
    public static func runMain(_ name: String, _ body: @Sendable () async throws -> Void) async {
        do {
            try await body()
        } catch {
            let line = "\(name): \(error)\n"
            _ = line.withCString { write(2, $0, strlen($0)) }
            exit(1)
        }
    }
}

/// A setting that cannot be used.
public struct SettingsError: Error, CustomStringConvertible {
    public let variable: String
    public let reason: String

    public init(variable: String, reason: String) {
        self.variable = variable
        self.reason = reason
    }

    public var description: String { "\(variable) \(reason)" }
}
