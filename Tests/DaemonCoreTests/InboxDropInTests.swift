import ServiceConfiguration
import Testing

@testable import DaemonCore

/// The drop-in that `add-inbox` writes for systemd.
@Suite struct InboxDropInTests {
    private func dropIn(
        _ folder: String, home: String = "yes", tmp: String = "yes", mount: String? = nil,
        _ resolved: (String) -> String = { $0 }
    ) -> InboxDropIn {
        InboxDropIn(folder, protectHome: home, privateTmp: tmp, mountPoint: mount, resolved: resolved)
    }

    @Test func `the drop-in names a visible folder, and bind-mounts a hidden one`() {
        #expect(dropIn("/mnt/studio").access == .named)
        #expect(dropIn("/homes/maria").access == .named)
        for folder in ["/home/maria/in", "/root/in", "/run/user/1000/in"] {
            #expect(dropIn(folder).access == .boundInHome)
            #expect(dropIn(folder, home: "tmpfs").access == .boundInHome)
            #expect(dropIn(folder, home: "no").access == .named)
            #expect(dropIn(folder, home: "read-only").access == .named)
        }
        #expect(dropIn("/tmp/in").access == .bound)
        #expect(dropIn("/var/tmp/in", tmp: "no").access == .named)
        #expect(dropIn("/data/home/maria/in") { $0 == "/home" ? "/data/home" : $0 }.access == .boundInHome)
    }

    @Test func `the drop-in has exactly this text`() {
        #expect(
            dropIn("/home/maria/in", mount: "/home").text == """
                # Written by `clipdragd add-inbox`, as was the file of that name among the pieces of the configuration.
                [Unit]
                Wants=home.mount
                After=home.mount

                [Service]
                ProtectHome=tmpfs
                BindPaths="-/home/maria/in"

                """)
        #expect(dropIn("/mnt/a b").text.hasSuffix("[Service]\nReadWritePaths=\"-/mnt/a b\"\n"))
        #expect(dropIn("/tmp/a", mount: "/").text.hasSuffix("[Service]\nBindPaths=\"-/tmp/a\"\n"))
        // The service starts without the folder, and without its disk.
        #expect(!dropIn("/tmp/a", mount: "/").text.contains("[Unit]"))
        #expect(!dropIn("/mnt/a", mount: "/mnt").text.contains("Requires"))
    }

    @Test func `the unit of a mount has the name that systemd gives it`() {
        #expect(InboxDropIn.mountUnit("/mnt/studio") == "mnt-studio.mount")
        #expect(
            InboxDropIn.mountUnit("/media/maria/USB-Stick 1.2") == #"media-maria-USB\x2dStick\x201.2.mount"#)
        #expect(InboxDropIn.mountUnit("/.b/ä") == #"\x2eb-\xc3\xa4.mount"#)
    }

    @Test func `the drop-in escapes characters of systemd's syntax`() {
        #expect(InboxDropIn.quoted("/a b: 50%h \"c\" \\n $x '") == #""/a b: 50%%h \"c\" \\n $x '""#)
    }
}
