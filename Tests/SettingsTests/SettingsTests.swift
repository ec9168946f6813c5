import Foundation
import Settings
import Testing

@Suite struct SettingsTests {
    private let settings = Settings(["PORT": "80", "BAD": "x", "EMPTY": "", "LIST": "a, b,,c", "WORD": "blue", "SHARE": "0.5"])

    @Test func anUnusableValueNamesItsVariable() {
        let error = #expect(throws: SettingsError.self) { try settings.int("BAD", default: 1, in: 0...9) }
        #expect(error?.variable == "BAD")
        #expect(throws: SettingsError.self) { try settings.int("PORT", default: 1, in: 0...9) }
        #expect(throws: SettingsError.self) { try settings.number("BAD", default: 1, in: 0...1) }
        #expect(throws: SettingsError.self) { try settings.choice("WORD", default: "red", of: ["red", "green"]) }
        #expect(throws: SettingsError.self) { try settings.required("EMPTY") }
        #expect(throws: SettingsError.self) { try settings.required("ABSENT") }
    }

    @Test func whatIsSetWinsOverTheDefault() throws {
        #expect(try settings.int("PORT", default: 1, in: 0...99) == 80)
        #expect(try settings.int("ABSENT", default: 7, in: 0...99) == 7)
        #expect(try settings.number("SHARE", default: 1, in: 0...1) == 0.5)
        #expect(settings.text("EMPTY", default: "d") == "d")
        #expect(settings.list("LIST") == ["a", "b", "c"])
    }

    /// `.env.example` lists every variable that the sources read, and no other.
    @Test func theExampleListsEverySetting() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var read: Set<String> = ["LOG_LEVEL"]
        for folder in ["Sources", "workers"] {
            let files = FileManager.default.enumerator(at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "swift" else { continue }
                let text = try String(contentsOf: file, encoding: .utf8)
                for match in text.matches(of: /[sS]ettings\.(?:optional|text|required|int|number|list|choice)\(\s*"([A-Z_]+)"/) {
                    read.insert(String(match.output.1))
                }
            }
        }
        let example = try String(contentsOf: root.appendingPathComponent(".env.example"), encoding: .utf8)
        let listed = Set(example.matches(of: /(?m)^([A-Z_]+)=/).map { String($0.output.1) })
        #expect(read == listed)
    }
}
