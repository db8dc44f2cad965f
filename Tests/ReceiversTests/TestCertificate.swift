/// A certificate for `localhost` that signs itself, made for these tests, with its key.
enum TestCertificate {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBljCCATugAwIBAgIUbfPESYylLVQtKftcbuhyeKKNa88wCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTIxMDI1OVoYDzIxMjYxMDI4
        MjEwMjU5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAAQHTq2+/mP0Mbi4hWAb4i+KnLFbphX7g4XanbwqtYQprER26HyIgNJf
        b+9NL4wPzSHr3z+vjclNuqyEDhA83nSDo2kwZzAdBgNVHQ4EFgQUoISAXMv+ZdXi
        ATkxFYOP6w0jLaQwHwYDVR0jBBgwFoAUoISAXMv+ZdXiATkxFYOP6w0jLaQwDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        SQAwRgIhAMvQ7T4dnK38mB74E3mibOgSrpx3jCuENbybY4EC9+eNAiEA9LyEAQYH
        j/UsLSgfHNHrhYSu3+SVifGQVa3ZHU11SlI=
        -----END CERTIFICATE-----

        """

    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7mluL9J+AhLAdFIk
        QorxedbpEm5rD1DUePuj4R+X6T+hRANCAAQHTq2+/mP0Mbi4hWAb4i+KnLFbphX7
        g4XanbwqtYQprER26HyIgNJfb+9NL4wPzSHr3z+vjclNuqyEDhA83nSD
        -----END PRIVATE KEY-----

        """
}
