public import Foundation

/// Where a fleet's plan stands, to be read again when it was changed.
public struct FleetFile: Sendable {
    /// The file.
    public let path: String
    /// Fewest copies of every worker, in place of the file's; nil keeps those.
    public let minimum: Int?

    /// Reads nothing yet.
    public init(path: String, minimum: Int? = nil) {
        self.path = path
        self.minimum = minimum
    }

    /// What the file says now.
    /// - Throws: ``FleetError``: `.invalidFile`, which names the field and the line.
    public func plan() throws(FleetError) -> FleetPlan {
        let plan = try FleetPlan(path: path)
        return minimum.map { plan.withMinimum($0) } ?? plan
    }

    /// Its bytes, to tell whether it was changed; nil where it cannot be read.
    public var contents: Data? { FileManager.default.contents(atPath: path) }
}
