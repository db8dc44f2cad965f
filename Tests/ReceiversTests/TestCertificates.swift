/// A certificate of `shop.test`, for servers and clients, its key, and the authority that signed it. Made for
/// these tests; good until 2120.
enum TestCertificates {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBZDCCAQmgAwIBAgIBATAKBggqhkjOPQQDAjAgMR4wHAYDVQQDDBVzY3JhcGUg
        dGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBa
        MCAxHjAcBgNVBAMMFXNjcmFwZSB0ZXN0IGF1dGhvcml0eTBZMBMGByqGSM49AgEG
        CCqGSM49AwEHA0IABLntiyJ9ds2UcEJjixMW/s7HJ3LbK6EL4sw0+7ztVNScy1gK
        Z8hbTPznCcciAED4OUd3JfOIssrXJL2glFZs2EKjMjAwMA8GA1UdEwEB/wQFMAMB
        Af8wHQYDVR0OBBYEFHDzulwDhwLGLjTwabGSUZc2xXQqMAoGCCqGSM49BAMCA0kA
        MEYCIQDeiFk2oghzyczc+uQSO2mBRH7KL66m/Xb549BO84H7GwIhAMYzYtGInnZf
        JzZ28kcQA+Y5I/lkwZFi6VZPFb9Ph2Vb
        -----END CERTIFICATE-----
        """

    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBqTCCAU+gAwIBAgIBAjAKBggqhkjOPQQDAjAgMR4wHAYDVQQDDBVzY3JhcGUg
        dGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBa
        MBQxEjAQBgNVBAMMCXNob3AudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
        BI+CaVSwRcqm/CgbEyc8/dsU5iyaZzsH4HaBv993ydvwu1rHoeee/JE/LKYC/kAf
        3KN40xzvCIznhjsShxwr0SqjgYMwgYAwFAYDVR0RBA0wC4IJc2hvcC50ZXN0MB0G
        A1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjAJBgNVHRMEAjAAMB0GA1UdDgQW
        BBSG5YAc5+kj9q/ZzpZ6ilSQQ31+IzAfBgNVHSMEGDAWgBRw87pcA4cCxi408Gmx
        klGXNsV0KjAKBggqhkjOPQQDAgNIADBFAiBu1HTfynOJYEDcl5ePQwPHag29+fuX
        RBSuS1SykC90wwIhAIvXJ0PZrrIPSpxET1QOwZCXQ7JHXqWGRjxTG1RrTDkm
        -----END CERTIFICATE-----
        """

    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglrSojos6ppnFJaiO
        foOWCh3qxHWUgmPWt99Zv1hZMVyhRANCAASPgmlUsEXKpvwoGxMnPP3bFOYsmmc7
        B+B2gb/fd8nb8Ltax6HnnvyRPyymAv5AH9yjeNMc7wiM54Y7EoccK9Eq
        -----END PRIVATE KEY-----
        """
}
