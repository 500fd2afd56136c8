import Digests

extension Digest {
    /// The SHA-256 of several files one after the other. It reads small pieces, because weights may be larger than memory.
    public static func sha256(files paths: [String], _ files: any FileSystem = PosixFileSystem())
        throws(FileError) -> String
    {
        var sum = Sum()
        for path in paths { try files.forEachPiece(of: path) { sum.add($0) } }
        return sum.finish()
    }
}
