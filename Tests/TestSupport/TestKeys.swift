/// Private keys in PEM, made for the tests and good for nothing else.
public enum TestKeys {
  /// Ed25519.
  public static let ed25519 = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIK9AVeR8iREs8SiaY7ttySng9TsWztZPipGxanHxd4tf
    -----END PRIVATE KEY-----
    """

  /// RSA of 2048 bits, PKCS#8.
  public static let rsa2048 = """
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDKe18NEsprlxsA
    Y9/AAloxzc3tikzkEpQolXBo70BoPcOMHE8oq5tvU5h1rrFnHlN1QnpwFlRUqD4b
    BUROcAAg72nhyiiSCDJJjITUqPpOV3v07BaBRpiwX9lksd+4zk4F8CT4wG+q+GVk
    q3ijjcl3vxq3wo+Wcm1/4/gyxGepTwugp2/IaXYSo/TTotpjD9yzby382qIs7txI
    G6gmGOlWhHkso1FjJ7OwtKvuMn7PoPFhelLogpuR0quX/t0bOmO6gnMI5R/Rpo0w
    F6iqt9JHNbSRZJSUGM1NTfBZVTrfBT3fdV2U2LTnEoh50GklWJLZEdUAa+MYJ2KA
    qG4whx65AgMBAAECggEAEXhUiqW45lCKyV1UpFXvn0VxA5I/sRvzQY8nPD6MUZIm
    qZOVtt4bkp7lVB4G+20v6Tmbo8khbI55kU5Chvv93tmZSpxtJLBlWlgv68NKmXDN
    5qNqC6xiJzGV6ay5L1JJhBSks/uyhs9YvDdZOM9Wdyj7bqhwSBxGW1b5hrPQd9iN
    UBs5EXXHzw3xOmplrCmKeClgrb7GOqfVLikJZJwY2+bvb4lgukLqXDNMSoLrDBPX
    eyfl+4HsEEX3iCBC846yiWgAg9ePqCewJ+W82mmDekp7ONe+GC4hSraIIqqhr9c/
    DG1JTUohrIeULVhagJ8gnTAMTNXooKx+ALX5xkxSCQKBgQDjwZyBtTH1BxwBkEgG
    2EVPssnSXKdEVFSIkBqYTrNZIcquJiB1MAnYlSGs23U30wqTVbnIt/pjej3md6Pd
    nBphUJ2q8WU/BXwfd/36CqtedxE4oAwUEqZsdwaRiNTuOhmpflDAa2tbM3P4QBFf
    JOVL0TPfQWZQSm9KzUtIb6OM/QKBgQDjl2U+OUx/t4l6DJz9ZR0liwJbdjYhIySl
    QcjlwLzaNLCWVAFpJyhr+m09D73okZDAMwhQoNxEN3PR0kpVdPRQ6dujz9+E0HN8
    eXgQ/4Oj7NkOwChPnROCMC17Dmac+82ubTdHaPjFt6MmOH/1BL7UHKPrbdYsb6KO
    lILFQ0ujbQKBgHmswbP53UqOFcQwFIqzl7PQTEn5/dJfSxn6AntD8ES57NHExKpW
    k6wFYAw84g6EzK2RqsM0pqvmbpNlb0HBV8aNju34MKLOh1U4gZLHiG3bJnQd7NX8
    cLSZkgTGGRt8JqGKPhHOUXhTsKz7bUxrJaSviwrGoaZbXcGUk5eLLNDxAoGBAL2K
    dHLh3WfwPro6jvQppaCCqK/rPyFR108Z/mn5nk5L21UXGSWtyuhCY3+bAJoTwO2Q
    krgzf74AQKDZ9bY99Mr+OEGw+YHu6H8d2nStl8CJnCvAtNG5C2o9HWOClsremmlN
    49/A+I4RZfqKy2YPUa3tPEbx7pCLWGJOJKqMZQ3xAoGAYha9N3JUGtzd5Ngcblt/
    sriVjZuothWeAib8wEpGhIrbLw9gq8ATFqpoWc2lp2ECA6x5rAMEiEv0pdi+3B9k
    DE5GlhrqN2i37gUqd5VlW2aDRyT7Gp3iz4MnYeNNNQMmBtJVApznjdTKmuoRh95d
    9Td/0xyt/xgH0O6ci8ANVbI=
    -----END PRIVATE KEY-----
    """

  /// RSA of 1024 bits, PKCS#1.
  public static let rsa1024 = """
    -----BEGIN RSA PRIVATE KEY-----
    MIICXAIBAAKBgQC/UUYc5hT2A86WWUzxkaLlWK5ABMF1GoayEzN33VoXn9BozxU8
    POwPnOvnnoGDS7enn/M/L0UfDDpRd6eMfN2j/byCXpdiJxNwrU7Mx3XEUB2GuPe7
    SanNcgeyYnv+Qhx2roh/EojBNwk6GN0orH/4GL5MOD8S9S5lFZpQ5+flZwIDAQAB
    AoGAGsusUUHcb7SKy74IK9FlClBIX4kK+3bSpMBRthkXlDV7ACL4623w9iLZW6B0
    rUn+mAisDg511OpmhKCIpAGdHSuQ7sBam0PLgTrFGlnNerk/nxlmXW4M2Yl6okYI
    qzeEMmLFV4wrF3EWyNk+BnEZ8qf7b0u35AVyBLHGWdYpc2ECQQD0cftLtcRLdxxd
    tb5SNCnzHVFLYibhv4uFs/WOzVdGcrcQBbLz/Iaw/LJGPhuJpO3lyZP5VvpB+6CG
    4i7KEZ4xAkEAyFxlZyBSy5u+M106xwijLxzQWuKdrn8IbubyVCTes5zBLpGufHZu
    AMkRJq88dibEa7ynT/hOxNLSuzPAYGbfFwJBAI73YxxCsQ3aGjMMqsV1UNup1/QY
    8diyqK2INSRSIKtJSJwMWT+uADDfenzusjhsx97PaMY6AqA4xQhenTL93uECQEV0
    MfqDq+/EtzQa90sTZW3pcRhwQfTBOG0pRYuBlGlyx0ybV37xlsRS7s0YJb9XRPOL
    2/vOuY9k/YPDNsa0IlUCQASpRi5RMuZXPLukNU8tOcwSZkMYczELF5qwHgkQAe8O
    pCE9fiMGDbRcjS7z3aaOWRCNtOTTPXUwbrInm8OSKxE=
    -----END RSA PRIVATE KEY-----
    """

  /// RSA of 512 bits.
  public static let rsa512 = """
    -----BEGIN PRIVATE KEY-----
    MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEA2tXV9c2En8KlLSA1
    9ZQeRP0Zch/H5Y9JWExesehRaJjiSFuFgNAfTXZQ1odLbQ/BQNU4odYgcnSCnZdJ
    k/FWhQIDAQABAkEAm6mkKtboUiRJDpJtD6Uu6vAG27FTpi2IhLC+Y1rYHcfh3Ynn
    omFnr4RP/FSqbbrIiHn4PxorltYEJYtoX62eQQIhAO+ASEng3ZejN8k8Zek0LlKG
    TPCUuCa/1BkfXRVIoiEtAiEA6ekaFzyoCy4SYZkHTl+7O41vEl872yNKiuIpvcs8
    8bkCIAnWdyGxvuhvp+b4OCdwIUb6hUaMlVPiJVAy3Zv2M9KxAiAYcQMI6o2knWvO
    Ru88gURPNLgmc00N2OIxIPC7pED6AQIhAOHPdDPKKEPHQpovNG/RksLkHyMU0vM/
    IlQoQa6BfWRd
    -----END PRIVATE KEY-----
    """

  /// ECDSA, which DKIM does not have.
  public static let ellipticCurve = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghQc/iPrcasWm2SB1
    TOChReBe5C1wZbCkBrP+0ZWMA2GhRANCAAQ8Mu4eo1TeheVhFs+PLE5Cn5a5QgvZ
    TnRc21ut/XVuoHtoGxYL2Kj8jOwVic89tvjVHZ0dqF3XW6uhSLDULZeU
    -----END PRIVATE KEY-----
    """

  /// ``ed25519`` behind a passphrase.
  public static let encrypted = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAkTUIC6hr9gICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGZmF3SYBOE4SIfLh6lu33gEQFu8
    bFzDJrGsDgH1sDqJznj0e9kuSvbzyfM0n09nqACUwOpm1tkp+MnjMv/4PM2+/yrM
    VT88yGInFjux/4sZ7uY=
    -----END ENCRYPTED PRIVATE KEY-----
    """
}
