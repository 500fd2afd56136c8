internal import CLinux

/// SHA-256, in lower-case hexadecimal.
public enum Digest {
    /// Of some bytes.
    public static func sha256(_ bytes: [UInt8]) -> String { sha256([bytes]) }

    /// Of several pieces as if they were one.
    public static func sha256(_ pieces: [[UInt8]]) -> String {
        var sum = Sum()
        for piece in pieces { sum.add(piece) }
        return sum.finish()
    }

    /// Of several files as if they were one, read in small pieces: weights are larger than memory may be.
    public static func sha256(files paths: [String], _ files: any FileSystem = PosixFileSystem())
        throws(FileError) -> String
    {
        var sum = Sum()
        for path in paths { try files.forEachPiece(of: path) { sum.add($0) } }
        return sum.finish()
    }

    /// A digest in the making.
    private struct Sum {
        private var context = cl_sha256()

        init() { cl_sha256_begin(&context) }

        mutating func add(_ piece: [UInt8]) { cl_sha256_add(&context, piece, UInt64(piece.count)) }

        mutating func finish() -> String {
            var digest = [UInt8](repeating: 0, count: 32)
            cl_sha256_end(&context, &digest)
            return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}
