import NIOCore

@testable import EmbeddedBroker

/// Numbers that follow from their seed alone (Vigna's SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Makes requests that no client sends out of those that clients do send.
struct Mutations {
    private let frames: [ByteBuffer]
    private let batches: [ByteBuffer]
    private let seed: UInt64

    init(seed: UInt64) throws {
        self.seed = seed
        frames = try ValidRequests.all().map(\.frame)
        batches = (1...3).flatMap { count in
            [-1, 7].map { id in
                TestBatch.make((0..<count).map { "value \($0)" }, producerID: id, epoch: id < 0 ? -1 : 0, sequence: id < 0 ? -1 : Int32(count))
            }
        }
    }

    /// Input `number`, the same for the same seed.
    func input(_ number: Int) -> ByteBuffer {
        var random = SeededNumbers(seed: seed &+ UInt64(number) &* 0xD134_2543_DE82_EF95)
        if random.next() % 4 == 0 { return produce(&random) }
        var bytes = Array(frames[Int.random(in: 0..<frames.count, using: &random)].readableBytesView)
        // The key and the version stay in most inputs, or nothing behind them would ever be read.
        mutate(&bytes, from: random.next() % 8 == 0 ? 0 : 8, &random)
        return ByteBuffer(bytes: bytes)
    }

    /// A produce request whose batch is wrong in itself while its checksum is right.
    private func produce(_ random: inout SeededNumbers) -> ByteBuffer {
        var bytes = Array(batches[Int.random(in: 0..<batches.count, using: &random)].readableBytesView)
        mutate(&bytes, from: random.next() % 2 == 0 ? 12 : BatchHeader.size, &random)
        var batch = ByteBuffer(bytes: bytes)
        if random.next() % 8 != 0 { batch = TestBatch.resealed(batch) }
        var writer = WireWriter()
        writer.int16(0)
        writer.int16(Int16(3 + random.next() % 5))
        writer.int32(1)
        writer.nullableString("fuzz")
        RawClient.produce(batch, topic: ValidRequests.topic, partition: Int32(random.next() % 4))(&writer)
        return writer.buffer
    }

    private func mutate(_ bytes: inout [UInt8], from start: Int, _ random: inout SeededNumbers) {
        for _ in 0...Int(random.next() % 4) where bytes.count > start {
            let position = Int.random(in: start..<bytes.count, using: &random)
            switch random.next() % 9 {
            case 0: bytes[position] ^= 1 << UInt8(random.next() % 8)
            case 1: bytes[position] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][Int(random.next() % 6)]
            case 2: bytes[position] = UInt8(truncatingIfNeeded: random.next())
            case 3: bytes.removeSubrange(position...)
            case 4: bytes.insert(contentsOf: (0..<random.next() % 9).map { _ in UInt8(truncatingIfNeeded: random.next()) }, at: position)
            case 5: bytes.remove(at: position)
            case 6:
                let numbers: [Int32] = [-1, -2, 0, 1, .max, .min, 0xFFFF, 1 << 24]
                let number = UInt32(bitPattern: numbers[Int(random.next() % 8)])
                for byte in 0..<4 where position + byte < bytes.count {
                    bytes[position + byte] = UInt8(truncatingIfNeeded: number >> (24 - 8 * byte))
                }
            case 7:
                let end = min(bytes.count, position + Int(random.next() % 40))
                bytes.insert(contentsOf: bytes[position..<end], at: position)
            default:
                let other = Array(frames[Int.random(in: 0..<frames.count, using: &random)].readableBytesView)
                bytes.replaceSubrange(position..., with: other[min(other.count, position)...])
            }
        }
    }
}
