import Domain

/// A place in a line as its owner sees it.
struct FollowedPlace: Followed {
    let entry: QueueEntry
    /// The signed pass, for one who was admitted.
    let pass: String?

    var version: Int64 { entry.version }
    var isFinal: Bool { entry.status.isFinal }

    func isNews(after version: Int64) -> Bool { entry.differs(from: version) }

    func write(_ writer: inout JSONWriter) {
        writer.object {
            $0.member("entry_id", entry.id)
            $0.member("event_id", entry.event)
            $0.member("status", entry.status.rawValue)
            $0.member("version", entry.version)
            if let position = entry.position { $0.member("position", position) }
            if let ahead = entry.ahead { $0.member("ahead", ahead) }
            if let seconds = entry.estimatedWaitSeconds { $0.member("estimated_wait_seconds", seconds) }
            $0.member("joined_at", entry.joinedAt.description)
            $0.member("updated_at", entry.updatedAt.description)
            if let pass, let expires = entry.passExpiresAt {
                $0.member("queue_pass", pass)
                $0.member("pass_expires_at", expires.description)
            }
        }
    }
}
