internal import CLinux

/// SHA-256, in lower-case hexadecimal.
public enum Digest {
    /// Of some bytes.
    public static func sha256(_ bytes: [UInt8]) -> String { sha256([bytes]) }

    /// Of several pieces as if they were one.
    public static func sha256(_ pieces: [[UInt8]]) -> String {
        var context = cl_sha256()
        cl_sha256_begin(&context)
        for piece in pieces { cl_sha256_add(&context, piece, UInt64(piece.count)) }
        var digest = [UInt8](repeating: 0, count: 32)
        cl_sha256_end(&context, &digest)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
