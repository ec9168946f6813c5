import Foundation

/// Where the programs under test are.
public enum Binaries {
    /// Names the folder; without it the programs are looked for beside the test bundle, where `swift build --build-tests` puts them.
    public static let variable = "BOOKING_RUSH_BINARIES"
    /// What an installation needs of the product.
    public static let programs = [
        "embedded-broker", "ingress", "inventory-sync", "expiry", "payment", "ops", "queue-release", "analytics", "audit", "payment-simulator",
        "rushctl",
    ]

    /// The folder that holds all of ``programs``.
    /// - Throws: ``TestFailure`` that names what is missing.
    public static func folder() throws -> String {
        if let named = ProcessInfo.processInfo.environment[variable], !named.isEmpty {
            let missing = missing(in: named)
            guard missing.isEmpty else { throw TestFailure("\(variable) is \(named), where \(missing.joined(separator: ", ")) is missing") }
            return named
        }
        // The bundle is an executable in the build folder, or lies some folders below it.
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let started = URL(fileURLWithPath: CommandLine.arguments.first ?? "/").resolvingSymlinksInPath().deletingLastPathComponent()
        for place in [bundle, started] {
            var folder = place
            for _ in 0..<4 {
                if missing(in: folder.path).isEmpty { return folder.path }
                folder.deleteLastPathComponent()
            }
        }
        throw TestFailure("no folder at or above \(bundle.path) has all of \(programs.joined(separator: ", ")); build first, or set \(variable)")
    }

    private static func missing(in folder: String) -> [String] {
        programs.filter { !FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
    }
}
