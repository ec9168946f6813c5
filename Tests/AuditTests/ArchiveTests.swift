import Domain
import Foundation
import Synchronization
import Testing

@testable import AuditLog

@Suite struct ArchiveTests {
    private struct Killed: Error {}

    /// An archive with rows of two months of long ago, which mix in one chain, and of now.
    private func with(_ body: (Archive, _ folder: String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("exports-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await Archive.with { archive in
            let month: Int64 = 31 * 86_400_000
            var records: [AuditRecord] = []
            for number in 0..<12 {
                // 0–3 of the first month, 4 of the second, 5 of the first again, 6–8 of the second, then of now.
                let at = [4, 6, 7, 8].contains(number) ? Archive.longAgo + month : number < 9 ? Archive.longAgo : Archive.now
                records.append(
                    try AuditRecord(Archive.entry(number, atMs: at + Int64(number), new: "{\"text\":\"line\\n\\u00e9 \(number)\" ,\n \"a\":1}")))
            }
            try await archive.add(records + Archive.entries(20..<25, partition: 3, atMs: Archive.longAgo))
            try await body(archive, folder)
        }
    }

    private func archive(_ archive: Archive, _ folder: String, step: @escaping @Sendable (String) throws -> Void = { _ in }) -> AuditArchive {
        AuditArchive(database: archive.owner, seal: Archive.seal, directory: folder, step: step)
    }

    @Test func oldMonthsAreExportedAndDroppedAndTheChainsHold() async throws {
        try await with { archive, folder in
            let retain = self.archive(archive, folder)
            let months = try await retain.due(olderThan: "3 years")
            #expect(months.map(\.rows) == [10, 4], "\(months)")
            for month in months {
                let export = try await retain.retain(month)
                #expect(export.rows == month.rows && !export.wasThere)
                // Any gzip reads it, and its sum is as told.
                let shell = Process()
                shell.executableURL = URL(fileURLWithPath: "/bin/bash")
                shell.arguments = [
                    "-c",
                    "set -o pipefail; [ \"$(zcat '\(export.file)' | sha256sum | cut -d' ' -f1)\" = \(export.sha256) ] && [ \"$(zcat '\(export.file)' | wc -l)\" = \(export.rows) ]",
                ]
                try shell.run()
                shell.waitUntilExit()
                #expect(shell.terminationStatus == 0)
                let report = try await archive.verifier.verify()
                #expect(report.holds, "\(report.broken)")
            }
            let report = try await archive.verifier.verify()
            #expect(report.rows == 3 && report.exportedRows == 14)
            #expect(try await retain.due(olderThan: "3 years").isEmpty)
            // What was dropped does not come back by a replay, and new rows go on behind the anchors.
            #expect(try await archive.add([try AuditRecord(Archive.entry(2, atMs: Archive.longAgo + 2))]) == 0)
            #expect(try await archive.add(try Archive.entries(30..<33) + Archive.entries(40..<43, partition: 3)) == 6)
            let after = try await archive.verifier.verify()
            #expect(after.holds && after.rows == 9, "\(after.broken)")
        }
    }

    @Test(arguments: ["written", "exported", "verified", "dropped"])
    func killedAtAnyStepItGoesOnWhereItWas(step: String) async throws {
        try await with { archive, folder in
            let months = try await self.archive(archive, folder).due(olderThan: "3 years")
            let killed = self.archive(archive, folder) { if $0 == step { throw Killed() } }
            await #expect(throws: Killed.self) { _ = try await killed.retain(months[0]) }
            #expect(try await archive.verifier.verify().holds)
            let retain = self.archive(archive, folder)
            let left = try await retain.due(olderThan: "3 years")
            #expect(left.count == (step == "dropped" ? 1 : 2))
            for month in left {
                let export = try await retain.retain(month)
                #expect(export.wasThere == (month == months[0] && (step == "exported" || step == "verified")))
            }
            let report = try await archive.verifier.verify()
            #expect(report.holds && report.exportedRows == 14 && report.rows == 3, "\(report.broken)")
        }
    }

    @Test func aFileThatIsNotWhatTheTableHoldsIsWrittenAnew() async throws {
        try await with { archive, folder in
            let retain = self.archive(archive, folder)
            let month = try await retain.due(olderThan: "3 years")[0]
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data("not gzip".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(month.file)"))
            #expect(try await retain.retain(month).rows == month.rows)
            // What was there is kept beside.
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.hasSuffix(".old") })
            #expect(try await archive.verifier.verify().holds)
        }
    }

    /// What a run that was interrupted may leave of an export.
    enum Leftover: String, CaseIterable {
        /// The name was on the disk before anything of the file was.
        case empty
        case half, withoutItsEnd
        /// The length was on the disk before the end of the file was.
        case zeros
        /// Any gzip reads it, and it says nothing of the last rows.
        case fewerRows
        /// The file never had its name; what was written first is longer than what comes.
        case part

        /// Makes it of a whole export.
        func make(of path: String) throws {
            let url = URL(fileURLWithPath: path)
            let whole = try Data(contentsOf: url)
            let half = Data(whole.prefix(whole.count / 2))
            switch self {
            case .empty: try Data().write(to: url)
            case .half: try half.write(to: url)
            case .withoutItsEnd: try Data(whole.prefix(whole.count - 4)).write(to: url)
            case .zeros: try (half + Data(count: whole.count - half.count)).write(to: url)
            case .fewerRows:
                let lines = try ArchiveTests.lines(path)
                try GzipFile.write(path) { write in for line in lines.dropLast(3) { try write(Array("\(line)\n".utf8)) } }
            case .part:
                try FileManager.default.removeItem(at: url)
                try (half + Data(count: 2 * whole.count)).write(to: URL(fileURLWithPath: "\(path).part"))
            }
        }
    }

    private static func lines(_ path: String) throws -> [String] {
        var lines: [String] = []
        try GzipFile.readLines(path) { lines.append(String(decoding: $0, as: UTF8.self)) }
        return lines
    }

    @Test(arguments: Leftover.allCases)
    func whatAnInterruptedRunLeftIsWrittenWholeBeforeTheMonthIsDropped(leftover: Leftover) async throws {
        try await with { archive, folder in
            let month = try await self.archive(archive, folder).due(olderThan: "3 years")[0]
            let path = "\(folder)/\(month.file)"
            let interrupted = self.archive(archive, folder) { if $0 == "exported" { throw Killed() } }
            await #expect(throws: Killed.self) { _ = try await interrupted.retain(month) }
            let whole = try Self.lines(path)
            #expect(whole.count == 10)
            try leftover.make(of: path)

            // Killed right before the drop: the export is whole by then, and the month still there.
            let killed = self.archive(archive, folder) { if $0 == "verified" { throw Killed() } }
            await #expect(throws: Killed.self) { _ = try await killed.retain(month) }
            #expect(try Self.lines(path) == whole)
            #expect(try await archive.count("audit_logs") == 17)
            let before = try await archive.verifier.verify()
            #expect(before.holds && before.exportedRows == 0, "\(before.broken)")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            let (kept, unfinished) = (names.filter { $0.hasSuffix(".old") }, names.filter { $0.hasSuffix(".part") })
            #expect(kept.count == (leftover == .part ? 0 : 1) && unfinished.isEmpty, "\(names)")

            let export = try await self.archive(archive, folder).retain(month)
            #expect(export.rows == 10 && export.wasThere)
            #expect(try Self.lines(path) == whole)
            let after = try await archive.verifier.verify()
            #expect(after.holds && after.exportedRows == 10 && after.rows == 7, "\(after.broken)")
        }
    }

    @Test func rowsThatComeMeanwhileKeepTheMonth() async throws {
        try await with { archive, folder in
            let late = try AuditRecord(Archive.entry(50, atMs: Archive.longAgo + 50))
            let gate = Mutex(false)
            let month = try await self.archive(archive, folder).due(olderThan: "3 years")[0]
            let retain = self.archive(archive, folder) { step in
                guard step == "verified", !gate.withLock({ $0 }) else { return }
                gate.withLock { $0 = true }
                throw Killed()
            }
            await #expect(throws: Killed.self) { _ = try await retain.retain(month) }
            try await archive.add([late])
            // The file is of before; it is seen to differ and written anew.
            let now = try await retain.due(olderThan: "3 years")[0]
            #expect(now.rows == month.rows + 1)
            #expect(try await retain.retain(now).rows == month.rows + 1)
            #expect(try await archive.verifier.verify().holds)
        }
    }

    @Test func aMonthWithAChangedRowIsNotDropped() async throws {
        try await with { archive, folder in
            try await archive.tamper("UPDATE audit_logs SET actor = 'x' WHERE message_id = 'entry-1'")
            let retain = self.archive(archive, folder)
            let month = try await retain.due(olderThan: "3 years")[0]
            let error = await #expect(throws: AuditError.self) { _ = try await retain.retain(month) }
            #expect(error?.code == .broken)
            #expect(try await archive.count("audit_logs") == 17)
        }
    }

    @Test func aMonthThatWasDroppedByHandIsMissed() async throws {
        try await with { archive, folder in
            let month = try await self.archive(archive, folder).due(olderThan: "3 years")[0]
            try await archive.tamper("DROP TABLE \(month.table)")
            #expect(try await archive.verifier.verify().broken.map(\.kind) == [.missing, .missingAtEnd])
        }
    }

    @Test func aDamagedGzipIsNoExport() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).gz").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try GzipFile.write(path) { write in for number in 0..<10_000 { try write(Array("line \(number)\n".utf8)) } }
        var lines = 0
        try GzipFile.readLines(path) { _ in lines += 1 }
        #expect(lines == 10_000)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for cut in [whole.count - 1, whole.count - 9, whole.count / 2, 5, 0] {
            try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
            #expect(throws: AuditError.self, "\(cut)") { try GzipFile.readLines(path) { _ in } }
        }
        var flipped = whole
        flipped[whole.count / 2] ^= 0x10
        try flipped.write(to: URL(fileURLWithPath: path))
        #expect(throws: AuditError.self) { try GzipFile.readLines(path) { _ in } }
    }
}
