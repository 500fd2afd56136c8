internal import CDigests

/// SHA-256, in lower-case hexadecimal.
public enum Digest {
    /// The digest of some bytes.
    public static func sha256(_ bytes: [UInt8]) -> String { sha256([bytes]) }

    /// The digest of several pieces one after the other.
    public static func sha256(_ pieces: [[UInt8]]) -> String {
        var sum = Sum()
        for piece in pieces { sum.add(piece) }
        return sum.finish()
    }

    /// The digest of bytes that come piece by piece.
    public struct Sum {
        private var context = cd_sha256()

        /// The digest of no bytes so far.
        public init() { cd_sha256_begin(&context) }

        /// Adds the next bytes.
        public mutating func add(_ piece: [UInt8]) { cd_sha256_add(&context, piece, UInt64(piece.count)) }

        /// The digest of all bytes. Call it once.
        public mutating func finish() -> String {
            var digest = [UInt8](repeating: 0, count: 32)
            cd_sha256_end(&context, &digest)
            return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}
