import CDigests
import Digests
import Testing

@Suite struct DigestTests {
    @Test func `SHA-256 gives the published digests`() {
        #expect(
            Digest.sha256([UInt8]()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            Digest.sha256(Array("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let long = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        #expect(Digest.sha256(long) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(Digest.sha256(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        #expect(Digest.sha256([Array(million[..<77]), Array(million[77...])]) == Digest.sha256(million))
    }

    @Test func `the CPU's SHA instructions and the plain rounds give the same digests`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let block = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var plain = (0..<8).map { _ in UInt32.random(in: 0...UInt32.max, using: &generator) }
            var used = plain
            cd_sha256_block_plain(&plain, block)
            cd_sha256_block(&used, block)
            #expect(used == plain)
        }
    }
}
