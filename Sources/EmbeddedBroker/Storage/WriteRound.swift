import Glibc
import NIOCore

/// Everything that is written, and perhaps made durable, together: the group in group commit.
struct WriteRound: Sendable {
    /// Bytes for one file; a file occurs once in a round.
    struct Write: Sendable {
        let file: LogFile
        let position: Int64
        let bytes: ByteBuffer
    }

    /// A new file that takes the place of an old one once it is written.
    struct Publication: Sendable {
        let file: LogFile
        let temporaryPath: String
        let path: String
    }

    /// In order; the state log comes first, so that no record of a topic is on disk before the topic.
    var writes: [Write] = []
    var publication: Publication?
    /// Directories with new entries.
    var directories: Set<String> = []
    /// Files written in earlier rounds that are to be made durable with this one.
    var files: [LogFile] = []
    /// Whether this round must be durable, whatever the policy is.
    var mustSync = false

    var isEmpty: Bool { writes.isEmpty && publication == nil && files.isEmpty }

    /// What came of a round.
    struct Outcome: Sendable {
        /// Files whose write failed; nothing of it is left in them.
        var failures: [ObjectIdentifier: BrokerError] = [:]
        /// Durability failed: the broker must stop.
        var fatal: BrokerError?
    }

    /// Writes, and makes it durable: through the journal where there is one and the round is small, else file by file. Runs on the writer's thread.
    func performDurably(_ journal: inout CommitJournal?) -> Outcome {
        let bytes = writes.reduce(0) { $0 + $1.bytes.readableBytes }
        guard journal != nil, files.isEmpty, bytes <= CommitJournal.maxRoundBytes, publication == nil else {
            // A state log that takes the place of the old one makes what the journal says of the old one wrong.
            if publication != nil {
                do throws(BrokerError) { try journal?.clear() } catch { return Outcome(fatal: error) }
            }
            return perform(sync: true)
        }
        var outcome = perform(sync: false)
        let written = writes.filter { outcome.failures[ObjectIdentifier($0.file)] == nil }
        guard !written.isEmpty, outcome.fatal == nil else { return outcome }
        do throws(BrokerError) {
            try journal?.commit(written, directories: directories)
        } catch {
            outcome.fatal = error.code == .storage ? syncDirectly(written) : error
        }
        return outcome
    }

    /// The way out when the journal cannot grow.
    private func syncDirectly(_ written: [Write]) -> BrokerError? {
        do throws(BrokerError) {
            for write in written { try write.file.sync() }
            for directory in directories { try Directory.sync(directory) }
            return nil
        } catch {
            return error
        }
    }

    /// Writes, and syncs when `sync` or the round says so. Blocks; runs on the writer's thread or, when it does not sync, on the event loop.
    func perform(sync: Bool) -> Outcome {
        var outcome = Outcome()
        for write in writes {
            do throws(BrokerError) {
                try write.file.write(write.bytes, at: write.position)
            } catch {
                outcome.failures[ObjectIdentifier(write.file)] = error
                do throws(BrokerError) { try write.file.truncate(to: write.position) } catch { outcome.fatal = error }
            }
        }
        do throws(BrokerError) {
            if sync || mustSync {
                for write in writes { try write.file.sync() }
                for file in files { try file.sync() }
                for directory in directories { try Directory.sync(directory) }
            }
            if let publication, outcome.failures[ObjectIdentifier(publication.file)] == nil { try publish(publication) }
        } catch {
            outcome.fatal = error
        }
        return outcome
    }

    private func publish(_ publication: Publication) throws(BrokerError) {
        try publication.file.sync()
        guard rename(publication.temporaryPath, publication.path) == 0 else {
            throw .system(.sync, operation: "replace the state log", path: publication.path)
        }
        if let slash = publication.path.lastIndex(of: "/") { try Directory.sync(String(publication.path[..<slash])) }
    }
}
