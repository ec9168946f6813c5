import Domain

/// One notification that is to be sent, as its row has it.
struct Letter: Sendable {
    /// The row's.
    let id: String
    let channel: Channel
    let notice: Notice
    let recipient: Recipient
    /// With which it always goes, however often.
    let messageID: String
    /// When the row was made; it is the mail's date, so that a mail that goes twice is the same mail.
    let createdAt: Timestamp
    /// 1 for the first time.
    let attempt: Int
}

/// How a notification ended.
enum Verdict: Sendable, Equatable {
    case sent
    /// Nobody can be reached so; why, in a word.
    case failed(String)
    /// It would come too late.
    case skipped(String)
    /// "Later" too often; it stands among the dead letters.
    case givenUp(String)

    var status: String {
        switch self {
        case .sent: "sent"
        case .failed: "failed"
        case .skipped: "skipped"
        case .givenUp: "given_up"
        }
    }

    var reason: String? {
        switch self {
        case .sent: nil
        case .failed(let reason), .skipped(let reason), .givenUp(let reason): reason
        }
    }
}
