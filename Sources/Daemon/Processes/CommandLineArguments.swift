import DurableFiles

#if canImport(Glibc)
    import Glibc
#endif

extension CommandLine {
    /// The arguments with the program's name; one that is no UTF-8, or that would be read as such, is a path, and as
    /// `PathCoding` writes it.
    public static var rawArguments: [String] {
        (0..<Int(argc)).compactMap { unsafeArgv[$0] }.map { argument in
            let bytes = UnsafeBufferPointer(start: argument, count: strlen(argument)).map {
                UInt8(bitPattern: $0)
            }
            guard let text = String(validating: bytes, as: UTF8.self), PathCoding.bytes(text) == bytes else {
                return PathCoding.text(bytes)
            }
            return text
        }
    }
}
