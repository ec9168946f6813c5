/// One step of the schema, as the files `sql/NNNN_name.up.sql` and `.down.sql` tell it.
public struct Migration: Sendable {
    /// The four digits of the file's name.
    public let number: Int
    public let name: String
    /// SQL that makes the step.
    public let up: String
    /// SQL that takes it back.
    public let down: String

    /// All steps, in order. SwiftPM makes `_001_name_up_sql` of `0001_name.up.sql`.
    public static let all: [Migration] = [
        Migration(1, "catalogue", PackageResources._001_catalogue_up_sql, PackageResources._001_catalogue_down_sql),
        Migration(2, "bookings", PackageResources._002_bookings_up_sql, PackageResources._002_bookings_down_sql),
        Migration(3, "payments", PackageResources._003_payments_up_sql, PackageResources._003_payments_down_sql),
        Migration(4, "dead_letters", PackageResources._004_dead_letters_up_sql, PackageResources._004_dead_letters_down_sql),
        Migration(5, "replays", PackageResources._005_replays_up_sql, PackageResources._005_replays_down_sql),
        Migration(6, "ops_jobs", PackageResources._006_ops_jobs_up_sql, PackageResources._006_ops_jobs_down_sql),
        Migration(7, "users", PackageResources._007_users_up_sql, PackageResources._007_users_down_sql),
        Migration(8, "notifications", PackageResources._008_notifications_up_sql, PackageResources._008_notifications_down_sql),
        Migration(9, "analytics", PackageResources._009_analytics_up_sql, PackageResources._009_analytics_down_sql),
        Migration(10, "audit", PackageResources._010_audit_up_sql, PackageResources._010_audit_down_sql),
        Migration(11, "tickets", PackageResources._011_tickets_up_sql, PackageResources._011_tickets_down_sql),
        Migration(12, "seats_taken", PackageResources._012_seats_taken_up_sql, PackageResources._012_seats_taken_down_sql),
    ]

    private init(_ number: Int, _ name: String, _ up: [UInt8], _ down: [UInt8]) {
        self.number = number
        self.name = name
        self.up = String(decoding: up, as: UTF8.self)
        self.down = String(decoding: down, as: UTF8.self)
    }

    /// `0001_catalogue`, as the files are called.
    public var title: String { String(repeating: "0", count: max(0, 4 - String(number).count)) + "\(number)_\(name)" }
}
