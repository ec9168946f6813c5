import Foundation
import Testing

/// A decoder that is not ours.
enum Zbar {
    /// What zbarimg reads in an image.
    static func read(_ image: [UInt8], _ type: String) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("ticket-\(UUID().uuidString).\(type)")
        try Data(image).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/zbarimg")
        process.arguments = ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "zbarimg found no code")
        let text = String(decoding: data, as: UTF8.self)
        return String(text.dropLast(text.hasSuffix("\n") ? 1 : 0))
    }
}

/// Whether a text is XML, by a stack of its tags: enough for what this module writes.
enum XMLCheck {
    static func isWellFormed(_ text: String) -> Bool {
        var open: [String] = []
        for tag in text.matches(of: /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:-]+="[^"<]*")*)\s*(\/?)>/) {
            if !tag.4.isEmpty { continue }
            if tag.1.isEmpty { open.append(String(tag.2)) } else if open.popLast() != String(tag.2) { return false }
        }
        return open.isEmpty && !text.replacing(/<[^<>]*>/, with: "").contains { $0 == "<" || $0 == ">" }
    }
}
