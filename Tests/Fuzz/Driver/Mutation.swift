import CFuzzer
import Foundation
import HostileInput

/// Mutations that mostly keep checksums and lengths valid: without them nearly every input would fail at the first check.
enum Mutation {
    /// Set once, before the first run.
    nonisolated(unsafe) static var reader = Reader.spec

    /// Corrects the checksums of a PNG's chunks.
    static func mendChecksums(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
        var at = 8
        while at + 12 <= bytes.count {
            let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= bytes.count - at - 12 else { return }
            let end = at + 8 + length
            let sum = checksum(bytes[at + 4..<end])
            for i in 0..<4 { bytes[end + i] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * UInt32(i))) }
            at = end + 4
        }
    }

    /// CRC-32 as in the PNG specification, annex D.
    private static func checksum(_ bytes: Slice<UnsafeMutableBufferPointer<UInt8>>) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? 0xedb8_8320 ^ crc >> 1 : crc >> 1 }
        }
        return ~crc
    }

    /// Makes the length before a safetensors file's header reach to the header's last brace.
    static func mendLength(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
        guard bytes.count > 8, let brace = bytes[8...].lastIndex(of: UInt8(ascii: "}")) else { return }
        for i in 0..<8 { bytes[i] = UInt8(truncatingIfNeeded: (brace - 7) >> (8 * i)) }
    }
}

/// Called by libFuzzer for every new input.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ size: Int, _ largest: Int, _ seed: UInt32) -> Int {
    let size = LLVMFuzzerMutate(bytes, size, largest)
    guard seed % 8 != 0 else { return size }
    let all = UnsafeMutableBufferPointer(start: bytes, count: size)
    switch Mutation.reader {
    case .png: Mutation.mendChecksums(all)
    case .safetensors: Mutation.mendLength(all)
    case .spec, .jpeg: break
    }
    return size
}
