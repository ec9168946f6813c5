import Foundation

/// A mail in the mail catcher's folder: its subject is all that the journey tells of it.
struct CaughtMail {
    let subject: String

    /// The mails to an address, oldest first.
    static func all(in folder: String, to address: String) throws -> [CaughtMail] {
        let files = try FileManager.default.contentsOfDirectory(at: URL(fileURLWithPath: folder), includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "eml" }.sorted { $0.lastPathComponent < $1.lastPathComponent }.compactMap { file in
            let lines = String(decoding: try Data(contentsOf: file), as: UTF8.self).components(separatedBy: "\r\n").prefix { !$0.isEmpty }
            guard lines.contains(where: { $0.hasPrefix("To: ") && $0.contains(address) }) else { return nil }
            return CaughtMail(subject: lines.first { $0.hasPrefix("Subject: ") }.map { String($0.dropFirst(9)) } ?? "")
        }
    }
}
