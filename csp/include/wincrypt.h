/*
 * wincrypt.h - CryptoAPI for Linux programs: algorithm numbers, parameters, key blobs and the
 * Crypt* functions of the library cryptoapi.
 *
 *     cc -I csp/include program.c -L target/debug -lcryptoapi
 *
 * Names, numbers and layouts are those of Microsoft's public CryptoAPI reference, so that a program
 * written for Windows compiles unchanged; the arrangement is by subject. Certificates, messages and
 * stores (crypt32) are not part of it.
 *
 * Sizes named cb... are in bytes; key lengths are in bits; numbers inside blobs are little-endian.
 */
#ifndef SOFTSHIELD_WINCRYPT_H
#define SOFTSHIELD_WINCRYPT_H

#include "windef.h"
#include "winerror.h"

/* ---- Handles and basic types ------------------------------------------------------------------ */

typedef ULONG_PTR HCRYPTPROV;  /* a context: a provider, and mostly a container */
typedef ULONG_PTR HCRYPTKEY;   /* a key of a context; 0 means none */
typedef ULONG_PTR HCRYPTHASH;  /* a hash of a context; 0 means none */
typedef unsigned int ALG_ID;   /* an algorithm, one of CALG_... */

/* ---- Provider types --------------------------------------------------------------------------- */

#define PROV_RSA_FULL       1
#define PROV_RSA_SIG        2
#define PROV_DSS            3
#define PROV_FORTEZZA       4
#define PROV_MS_EXCHANGE    5
#define PROV_SSL            6
#define PROV_STT_MER        7
#define PROV_STT_ACQ        8
#define PROV_STT_BRND       9
#define PROV_STT_ROOT       10
#define PROV_STT_ISS        11
#define PROV_RSA_SCHANNEL   12
#define PROV_DSS_DH         13
#define PROV_EC_ECDSA_SIG   14
#define PROV_EC_ECNRA_SIG   15
#define PROV_EC_ECDSA_FULL  16
#define PROV_EC_ECNRA_FULL  17
#define PROV_DH_SCHANNEL    18
#define PROV_SPYRUS_LYNKS   20
#define PROV_RNG            21
#define PROV_INTEL_SEC      22
#define PROV_REPLACE_OWF    23
#define PROV_RSA_AES        24

#define MAXUIDLEN           64

/* The providers of the nShield CSP; each also answers to its name with "nCipher" in front. */
#define NSHIELD_ENHANCED_PROV       "nShield Enhanced Cryptographic Provider"
#define NSHIELD_ENH_RSA_AES_PROV    "nShield Enhanced RSA and AES Cryptographic Provider"
#define NSHIELD_SCHANNEL_PROV       "nShield Enhanced SChannel Cryptographic Provider"
#define NSHIELD_DSS_PROV            "nShield DSS Signature Cryptographic Provider"
#define NSHIELD_ENH_DSS_DH_PROV     "nShield Enhanced DSS and Diffie-Hellman Cryptographic Provider"
#define NSHIELD_DH_SCHANNEL_PROV \
    "nShield Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider"

/* Microsoft's provider names, for programs that mention them; none is registered here. */
#define MS_DEF_PROV_A               "Microsoft Base Cryptographic Provider v1.0"
#define MS_DEF_PROV_W               SOFTSHIELD_WIDE("Microsoft Base Cryptographic Provider v1.0")
#define MS_DEF_PROV                 TEXT("Microsoft Base Cryptographic Provider v1.0")
#define MS_ENHANCED_PROV_A          "Microsoft Enhanced Cryptographic Provider v1.0"
#define MS_ENHANCED_PROV_W          SOFTSHIELD_WIDE("Microsoft Enhanced Cryptographic Provider v1.0")
#define MS_ENHANCED_PROV            TEXT("Microsoft Enhanced Cryptographic Provider v1.0")
#define MS_STRONG_PROV_A            "Microsoft Strong Cryptographic Provider"
#define MS_STRONG_PROV_W            SOFTSHIELD_WIDE("Microsoft Strong Cryptographic Provider")
#define MS_STRONG_PROV              TEXT("Microsoft Strong Cryptographic Provider")
#define MS_ENH_RSA_AES_PROV_A       "Microsoft Enhanced RSA and AES Cryptographic Provider"
#define MS_ENH_RSA_AES_PROV_W \
    SOFTSHIELD_WIDE("Microsoft Enhanced RSA and AES Cryptographic Provider")
#define MS_ENH_RSA_AES_PROV         TEXT("Microsoft Enhanced RSA and AES Cryptographic Provider")
#define MS_DEF_RSA_SCHANNEL_PROV_A  "Microsoft RSA SChannel Cryptographic Provider"
#define MS_DEF_RSA_SCHANNEL_PROV_W  SOFTSHIELD_WIDE("Microsoft RSA SChannel Cryptographic Provider")
#define MS_DEF_RSA_SCHANNEL_PROV    TEXT("Microsoft RSA SChannel Cryptographic Provider")
#define MS_DEF_DSS_PROV_A           "Microsoft Base DSS Cryptographic Provider"
#define MS_DEF_DSS_PROV_W           SOFTSHIELD_WIDE("Microsoft Base DSS Cryptographic Provider")
#define MS_DEF_DSS_PROV             TEXT("Microsoft Base DSS Cryptographic Provider")
#define MS_DEF_DSS_DH_PROV_A        "Microsoft Base DSS and Diffie-Hellman Cryptographic Provider"
#define MS_DEF_DSS_DH_PROV_W \
    SOFTSHIELD_WIDE("Microsoft Base DSS and Diffie-Hellman Cryptographic Provider")
#define MS_DEF_DSS_DH_PROV \
    TEXT("Microsoft Base DSS and Diffie-Hellman Cryptographic Provider")
#define MS_ENH_DSS_DH_PROV_A        "Microsoft Enhanced DSS and Diffie-Hellman Cryptographic Provider"
#define MS_ENH_DSS_DH_PROV_W \
    SOFTSHIELD_WIDE("Microsoft Enhanced DSS and Diffie-Hellman Cryptographic Provider")
#define MS_ENH_DSS_DH_PROV \
    TEXT("Microsoft Enhanced DSS and Diffie-Hellman Cryptographic Provider")
#define MS_DEF_DH_SCHANNEL_PROV_A   "Microsoft DH SChannel Cryptographic Provider"
#define MS_DEF_DH_SCHANNEL_PROV_W   SOFTSHIELD_WIDE("Microsoft DH SChannel Cryptographic Provider")
#define MS_DEF_DH_SCHANNEL_PROV     TEXT("Microsoft DH SChannel Cryptographic Provider")
#define MS_SCARD_PROV_A             "Microsoft Base Smart Card Crypto Provider"
#define MS_SCARD_PROV_W             SOFTSHIELD_WIDE("Microsoft Base Smart Card Crypto Provider")
#define MS_SCARD_PROV               TEXT("Microsoft Base Smart Card Crypto Provider")

/* ---- Algorithms: three bits of class, four of type, nine of the algorithm itself -------------- */

#define GET_ALG_CLASS(algid)    ((algid) & (7 << 13))
#define GET_ALG_TYPE(algid)     ((algid) & (15 << 9))
#define GET_ALG_SID(algid)      ((algid) & 511)

#define ALG_CLASS_ANY           0
#define ALG_CLASS_SIGNATURE     (1 << 13)
#define ALG_CLASS_MSG_ENCRYPT   (2 << 13)
#define ALG_CLASS_DATA_ENCRYPT  (3 << 13)
#define ALG_CLASS_HASH          (4 << 13)
#define ALG_CLASS_KEY_EXCHANGE  (5 << 13)
#define ALG_CLASS_ALL           (7 << 13)

#define ALG_TYPE_ANY            0
#define ALG_TYPE_DSS            (1 << 9)
#define ALG_TYPE_RSA            (2 << 9)
#define ALG_TYPE_BLOCK          (3 << 9)
#define ALG_TYPE_STREAM         (4 << 9)
#define ALG_TYPE_DH             (5 << 9)
#define ALG_TYPE_SECURECHANNEL  (6 << 9)
#define ALG_TYPE_ECDH           (7 << 9)

/* RSA, DSS and Diffie-Hellman */
#define ALG_SID_ANY             0
#define ALG_SID_RSA_ANY         0
#define ALG_SID_RSA_PKCS        1
#define ALG_SID_RSA_MSATWORK    2
#define ALG_SID_RSA_ENTRUST     3
#define ALG_SID_RSA_PGP         4
#define ALG_SID_DSS_ANY         0
#define ALG_SID_DSS_PKCS        1
#define ALG_SID_DSS_DMS         2
#define ALG_SID_ECDSA           3
#define ALG_SID_DH_SANDF        1
#define ALG_SID_DH_EPHEM        2
#define ALG_SID_AGREED_KEY_ANY  3
#define ALG_SID_KEA             4
#define ALG_SID_ECDH            5

/* block and stream ciphers */
#define ALG_SID_DES             1
#define ALG_SID_RC2             2
#define ALG_SID_3DES            3
#define ALG_SID_DESX            4
#define ALG_SID_IDEA            5
#define ALG_SID_CAST            6
#define ALG_SID_SAFERSK64       7
#define ALG_SID_SAFERSK128      8
#define ALG_SID_3DES_112        9
#define ALG_SID_SKIPJACK        10
#define ALG_SID_TEK             11
#define ALG_SID_CYLINK_MEK      12
#define ALG_SID_RC5             13
#define ALG_SID_AES_128         14
#define ALG_SID_AES_192         15
#define ALG_SID_AES_256         16
#define ALG_SID_AES             17
#define ALG_SID_RC4             1
#define ALG_SID_SEAL            2

/* hashes */
#define ALG_SID_MD2             1
#define ALG_SID_MD4             2
#define ALG_SID_MD5             3
#define ALG_SID_SHA             4
#define ALG_SID_SHA1            4
#define ALG_SID_MAC             5
#define ALG_SID_RIPEMD          6
#define ALG_SID_RIPEMD160       7
#define ALG_SID_SSL3SHAMD5      8
#define ALG_SID_HMAC            9
#define ALG_SID_TLS1PRF         10
#define ALG_SID_HASH_REPLACE_OWF 11
#define ALG_SID_SHA_256         12
#define ALG_SID_SHA_384         13
#define ALG_SID_SHA_512         14

/* secure channel */
#define ALG_SID_SSL3_MASTER          1
#define ALG_SID_SCHANNEL_MASTER_HASH 2
#define ALG_SID_SCHANNEL_MAC_KEY     3
#define ALG_SID_PCT1_MASTER          4
#define ALG_SID_SSL2_MASTER          5
#define ALG_SID_TLS1_MASTER          6
#define ALG_SID_SCHANNEL_ENC_KEY     7

#define ALG_SID_EXAMPLE         80

#define CALG_RSA_SIGN       (ALG_CLASS_SIGNATURE | ALG_TYPE_RSA | ALG_SID_RSA_ANY)
#define CALG_DSS_SIGN       (ALG_CLASS_SIGNATURE | ALG_TYPE_DSS | ALG_SID_DSS_ANY)
#define CALG_ECDSA          (ALG_CLASS_SIGNATURE | ALG_TYPE_DSS | ALG_SID_ECDSA)
#define CALG_NO_SIGN        (ALG_CLASS_SIGNATURE | ALG_TYPE_ANY | ALG_SID_ANY)

#define CALG_RSA_KEYX       (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_RSA | ALG_SID_RSA_ANY)
#define CALG_DH_SF          (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_DH | ALG_SID_DH_SANDF)
#define CALG_DH_EPHEM       (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_DH | ALG_SID_DH_EPHEM)
#define CALG_AGREEDKEY_ANY  (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_DH | ALG_SID_AGREED_KEY_ANY)
#define CALG_KEA_KEYX       (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_DH | ALG_SID_KEA)
#define CALG_ECDH           (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_DH | ALG_SID_ECDH)
#define CALG_HUGHES_MD5     (ALG_CLASS_KEY_EXCHANGE | ALG_TYPE_ANY | ALG_SID_MD5)

#define CALG_DES            (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_DES)
#define CALG_RC2            (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_RC2)
#define CALG_3DES           (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_3DES)
#define CALG_DESX           (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_DESX)
#define CALG_3DES_112       (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_3DES_112)
#define CALG_SKIPJACK       (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_SKIPJACK)
#define CALG_TEK            (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_TEK)
#define CALG_CYLINK_MEK     (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_CYLINK_MEK)
#define CALG_RC5            (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_RC5)
#define CALG_AES_128        (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_AES_128)
#define CALG_AES_192        (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_AES_192)
#define CALG_AES_256        (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_AES_256)
#define CALG_AES            (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_BLOCK | ALG_SID_AES)
#define CALG_RC4            (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_STREAM | ALG_SID_RC4)
#define CALG_SEAL           (ALG_CLASS_DATA_ENCRYPT | ALG_TYPE_STREAM | ALG_SID_SEAL)

#define CALG_MD2            (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_MD2)
#define CALG_MD4            (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_MD4)
#define CALG_MD5            (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_MD5)
#define CALG_SHA            (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_SHA)
#define CALG_SHA1           (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_SHA1)
#define CALG_MAC            (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_MAC)
#define CALG_SSL3_SHAMD5    (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_SSL3SHAMD5)
#define CALG_HMAC           (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_HMAC)
#define CALG_TLS1PRF        (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_TLS1PRF)
#define CALG_HASH_REPLACE_OWF (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_HASH_REPLACE_OWF)
#define CALG_SHA_256        (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_SHA_256)
#define CALG_SHA_384        (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_SHA_384)
#define CALG_SHA_512        (ALG_CLASS_HASH | ALG_TYPE_ANY | ALG_SID_SHA_512)

#define CALG_SSL3_MASTER    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_SSL3_MASTER)
#define CALG_SCHANNEL_MASTER_HASH \
    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_SCHANNEL_MASTER_HASH)
#define CALG_SCHANNEL_MAC_KEY \
    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_SCHANNEL_MAC_KEY)
#define CALG_SCHANNEL_ENC_KEY \
    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_SCHANNEL_ENC_KEY)
#define CALG_PCT1_MASTER    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_PCT1_MASTER)
#define CALG_SSL2_MASTER    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_SSL2_MASTER)
#define CALG_TLS1_MASTER    (ALG_CLASS_MSG_ENCRYPT | ALG_TYPE_SECURECHANNEL | ALG_SID_TLS1_MASTER)

/* ---- Key specifications: the two pairs of a container ----------------------------------------- */

#define AT_KEYEXCHANGE  1
#define AT_SIGNATURE    2

/* ---- Flags, by function ----------------------------------------------------------------------- */

/* CryptAcquireContext */
#define CRYPT_VERIFYCONTEXT                 0xf0000000U
#define CRYPT_NEWKEYSET                     0x00000008U
#define CRYPT_DELETEKEYSET                  0x00000010U
#define CRYPT_MACHINE_KEYSET                0x00000020U
#define CRYPT_SILENT                        0x00000040U
#define CRYPT_DEFAULT_CONTAINER_OPTIONAL    0x00000080U

/* CryptGenKey, CryptDeriveKey, CryptImportKey; the high word of the first two is the key length */
#define KEY_LENGTH_MASK                     0xffff0000U
#define CRYPT_EXPORTABLE                    0x00000001U
#define CRYPT_USER_PROTECTED                0x00000002U
#define CRYPT_CREATE_SALT                   0x00000004U
#define CRYPT_UPDATE_KEY                    0x00000008U
#define CRYPT_NO_SALT                       0x00000010U
#define CRYPT_RECIPIENT                     0x00000010U
#define CRYPT_PREGEN                        0x00000040U
#define CRYPT_INITIATOR                     0x00000040U
#define CRYPT_ONLINE                        0x00000080U
#define CRYPT_SF                            0x00000100U
#define CRYPT_CREATE_IV                     0x00000200U
#define CRYPT_KEK                           0x00000400U
#define CRYPT_SERVER                        0x00000400U
#define CRYPT_DATA_KEY                      0x00000800U
#define CRYPT_VOLATILE                      0x00001000U
#define CRYPT_SGCKEY                        0x00002000U
#define CRYPT_ARCHIVABLE                    0x00004000U
#define CRYPT_FORCE_KEY_PROTECTION_HIGH     0x00008000U
#define CRYPT_IPSEC_HMAC_KEY                0x00000100U
#define RSA1024BIT_KEY                      0x04000000U

/* CryptExportKey, CryptEncrypt, CryptDecrypt */
#define CRYPT_Y_ONLY                        0x00000001U
#define CRYPT_SSL2_FALLBACK                 0x00000002U
#define CRYPT_DESTROYKEY                    0x00000004U
#define CRYPT_DECRYPT_RSA_NO_PADDING_CHECK  0x00000020U
#define CRYPT_OAEP                          0x00000040U
#define CRYPT_BLOB_VER3                     0x00000080U

/* CryptHashData, CryptHashSessionKey, CryptSignHash, CryptVerifySignature */
#define CRYPT_USERDATA                      0x00000001U
#define CRYPT_OWF_REPL_LM_HASH              0x00000001U
#define CRYPT_LITTLE_ENDIAN                 0x00000001U
#define CRYPT_NOHASHOID                     0x00000001U
#define CRYPT_TYPE2_FORMAT                  0x00000002U
#define CRYPT_X931_FORMAT                   0x00000004U

/* CryptSetProviderEx, CryptGetDefaultProvider */
#define CRYPT_MACHINE_DEFAULT               0x00000001U
#define CRYPT_USER_DEFAULT                  0x00000002U
#define CRYPT_DELETE_DEFAULT                0x00000004U

/* CryptGetProvParam: enumerations */
#define CRYPT_FIRST                         1
#define CRYPT_NEXT                          2
#define CRYPT_SGC_ENUM                      4

/* ---- Key parameters --------------------------------------------------------------------------- */

#define KP_IV                   1
#define KP_SALT                 2
#define KP_PADDING              3
#define KP_MODE                 4
#define KP_MODE_BITS            5
#define KP_PERMISSIONS          6
#define KP_ALGID                7
#define KP_BLOCKLEN             8
#define KP_KEYLEN               9
#define KP_SALT_EX              10
#define KP_P                    11
#define KP_G                    12
#define KP_Q                    13
#define KP_X                    14
#define KP_Y                    15
#define KP_RA                   16
#define KP_RB                   17
#define KP_INFO                 18
#define KP_EFFECTIVE_KEYLEN     19
#define KP_SCHANNEL_ALG         20
#define KP_CLIENT_RANDOM        21
#define KP_SERVER_RANDOM        22
#define KP_RP                   23
#define KP_PRECOMP_MD5          24
#define KP_PRECOMP_SHA          25
#define KP_CERTIFICATE          26
#define KP_CLEAR_KEY            27
#define KP_PUB_EX_LEN           28
#define KP_PUB_EX_VAL           29
#define KP_KEYVAL               30
#define KP_ADMIN_PIN            31
#define KP_KEYEXCHANGE_PIN      32
#define KP_SIGNATURE_PIN        33
#define KP_PREHASH              34
#define KP_ROUNDS               35
#define KP_OAEP_PARAMS          36
#define KP_CMS_KEY_INFO         37
#define KP_CMS_DH_KEY_INFO      38
#define KP_PUB_PARAMS           39
#define KP_VERIFY_PARAMS        40
#define KP_HIGHEST_VERSION      41
#define KP_GET_USE_COUNT        42
#define KP_PIN_ID               43
#define KP_PIN_INFO             44

/* values of KP_PADDING */
#define PKCS5_PADDING           1
#define RANDOM_PADDING          2
#define ZERO_PADDING            3

/* values of KP_MODE */
#define CRYPT_MODE_CBC          1
#define CRYPT_MODE_ECB          2
#define CRYPT_MODE_OFB          3
#define CRYPT_MODE_CFB          4
#define CRYPT_MODE_CTS          5
#define CRYPT_MODE_CBCI         6
#define CRYPT_MODE_CFBP         7
#define CRYPT_MODE_OFBP         8
#define CRYPT_MODE_CBCOFM       9
#define CRYPT_MODE_CBCOFMI      10

/* bits of KP_PERMISSIONS */
#define CRYPT_ENCRYPT           0x0001
#define CRYPT_DECRYPT           0x0002
#define CRYPT_EXPORT            0x0004
#define CRYPT_READ              0x0008
#define CRYPT_WRITE             0x0010
#define CRYPT_MAC               0x0020
#define CRYPT_EXPORT_KEY        0x0040
#define CRYPT_IMPORT_KEY        0x0080
#define CRYPT_ARCHIVE           0x0100

/* ---- Hash parameters -------------------------------------------------------------------------- */

#define HP_ALGID                1
#define HP_HASHVAL              2
#define HP_HASHSIZE             4
#define HP_HMAC_INFO            5
#define HP_TLS1PRF_LABEL        6
#define HP_TLS1PRF_SEED         7

/* ---- Provider parameters ---------------------------------------------------------------------- */

#define PP_CLIENT_HWND          1
#define PP_ENUMALGS             1
#define PP_ENUMCONTAINERS       2
#define PP_IMPTYPE              3
#define PP_NAME                 4
#define PP_VERSION              5
#define PP_CONTAINER            6
#define PP_CHANGE_PASSWORD      7
#define PP_KEYSET_SEC_DESCR     8
#define PP_CERTCHAIN            9
#define PP_KEY_TYPE_SUBTYPE     10
#define PP_CONTEXT_INFO         11
#define PP_KEYEXCHANGE_KEYSIZE  12
#define PP_SIGNATURE_KEYSIZE    13
#define PP_KEYEXCHANGE_ALG      14
#define PP_SIGNATURE_ALG        15
#define PP_PROVTYPE             16
#define PP_KEYSTORAGE           17
#define PP_APPLI_CERT           18
#define PP_SYM_KEYSIZE          19
#define PP_SESSION_KEYSIZE      20
#define PP_UI_PROMPT            21
#define PP_ENUMALGS_EX          22
#define PP_DELETEKEY            24
#define PP_ENUMMANDROOTS        25
#define PP_ENUMELECTROOTS       26
#define PP_KEYSET_TYPE          27
#define PP_ADMIN_PIN            31
#define PP_KEYEXCHANGE_PIN      32
#define PP_SIGNATURE_PIN        33
#define PP_SIG_KEYSIZE_INC      34
#define PP_KEYX_KEYSIZE_INC     35
#define PP_UNIQUE_CONTAINER     36
#define PP_SGC_INFO             37
#define PP_USE_HARDWARE_RNG     38
#define PP_KEYSPEC              39
#define PP_ENUMEX_SIGNING_PROT  40
#define PP_CRYPT_COUNT_KEY_USE  41
#define PP_USER_CERTSTORE       42
#define PP_SMARTCARD_READER     43
#define PP_PIN_PROMPT_STRING    44
#define PP_SMARTCARD_GUID       45
#define PP_ROOT_CERTSTORE       46
#define PP_SECURE_KEYEXCHANGE_PIN 47
#define PP_SECURE_SIGNATURE_PIN 48

/* nShield: later keys of the context have their blobs in the module's NVRAM. */
#define PP_NO_HOST_STORAGE      44

/* bits of PP_IMPTYPE */
#define CRYPT_IMPL_HARDWARE     1
#define CRYPT_IMPL_SOFTWARE     2
#define CRYPT_IMPL_MIXED        3
#define CRYPT_IMPL_UNKNOWN      4
#define CRYPT_IMPL_REMOVABLE    8

/* bits of PP_KEYSTORAGE */
#define CRYPT_SEC_DESCR         1
#define CRYPT_PSTORE            2
#define CRYPT_UI_PROMPT         4

/* bits of PROV_ENUMALGS_EX.dwProtocols */
#define CRYPT_FLAG_PCT1         0x0001
#define CRYPT_FLAG_SSL2         0x0002
#define CRYPT_FLAG_SSL3         0x0004
#define CRYPT_FLAG_TLS1         0x0008
#define CRYPT_FLAG_IPSEC        0x0010
#define CRYPT_FLAG_SIGNING      0x0020

/* parts of a security descriptor, as flags of PP_KEYSET_SEC_DESCR */
#define OWNER_SECURITY_INFORMATION 0x00000001U
#define GROUP_SECURITY_INFORMATION 0x00000002U
#define DACL_SECURITY_INFORMATION  0x00000004U
#define SACL_SECURITY_INFORMATION  0x00000008U

/* one item of PP_ENUMALGS */
typedef struct _PROV_ENUMALGS {
    ALG_ID aiAlgid;
    DWORD dwBitLen;  /* default key length */
    DWORD dwNameLen; /* with its NUL */
    CHAR szName[20];
} PROV_ENUMALGS;

/* one item of PP_ENUMALGS_EX */
typedef struct _PROV_ENUMALGS_EX {
    ALG_ID aiAlgid;
    DWORD dwDefaultLen;
    DWORD dwMinLen;
    DWORD dwMaxLen;
    DWORD dwProtocols;
    DWORD dwNameLen;
    CHAR szName[20];
    DWORD dwLongNameLen;
    CHAR szLongName[40];
} PROV_ENUMALGS_EX;

/* ---- Data of parameters ----------------------------------------------------------------------- */

/* One structure with many names: a length and a pointer. */
typedef struct _CRYPTOAPI_BLOB {
    DWORD cbData;
    BYTE *pbData;
} CRYPT_INTEGER_BLOB, *PCRYPT_INTEGER_BLOB, CRYPT_UINT_BLOB, *PCRYPT_UINT_BLOB, CRYPT_OBJID_BLOB,
    *PCRYPT_OBJID_BLOB, CERT_NAME_BLOB, *PCERT_NAME_BLOB, CERT_RDN_VALUE_BLOB,
    *PCERT_RDN_VALUE_BLOB, CERT_BLOB, *PCERT_BLOB, CRL_BLOB, *PCRL_BLOB, DATA_BLOB, *PDATA_BLOB,
    CRYPT_DATA_BLOB, *PCRYPT_DATA_BLOB, CRYPT_HASH_BLOB, *PCRYPT_HASH_BLOB, CRYPT_DIGEST_BLOB,
    *PCRYPT_DIGEST_BLOB, CRYPT_DER_BLOB, *PCRYPT_DER_BLOB, CRYPT_ATTR_BLOB, *PCRYPT_ATTR_BLOB;

/* HP_HMAC_INFO: a string of length 0 stands for the usual pad. */
typedef struct _HMAC_Info {
    ALG_ID HashAlgid;
    BYTE *pbInnerString;
    DWORD cbInnerString;
    BYTE *pbOuterString;
    DWORD cbOuterString;
} HMAC_INFO, *PHMAC_INFO;

/* KP_SCHANNEL_ALG */
typedef struct _SCHANNEL_ALG {
    DWORD dwUse;
    ALG_ID Algid;
    DWORD cBits;
    DWORD dwFlags;
    DWORD dwReserved;
} SCHANNEL_ALG, *PSCHANNEL_ALG;

#define SCHANNEL_MAC_KEY        0
#define SCHANNEL_ENC_KEY        1
#define INTERNATIONAL_USAGE     1

/* KP_CMS_DH_KEY_INFO */
typedef struct _CMS_DH_KEY_INFO {
    DWORD dwVersion; /* size of this structure */
    ALG_ID Algid;
    LPSTR pszContentEncObjId;
    CRYPT_DATA_BLOB PubInfo;
    void *pReserved;
} CMS_DH_KEY_INFO, *PCMS_DH_KEY_INFO;

/* ---- Key blobs -------------------------------------------------------------------------------- */

#define SIMPLEBLOB              1
#define PUBLICKEYBLOB           6
#define PRIVATEKEYBLOB          7
#define PLAINTEXTKEYBLOB        8
#define OPAQUEKEYBLOB           9
#define PUBLICKEYBLOBEX         10
#define SYMMETRICWRAPKEYBLOB    11
#define KEYSTATEBLOB            12

#define CUR_BLOB_VERSION        2

/* the head of every blob */
typedef struct _PUBLICKEYSTRUC {
    BYTE bType;
    BYTE bVersion;
    WORD reserved;
    ALG_ID aiKeyAlg;
} BLOBHEADER, PUBLICKEYSTRUC;

/* after the head of an RSA blob; modulus and the rest follow */
typedef struct _RSAPUBKEY {
    DWORD magic; /* "RSA1" public, "RSA2" private */
    DWORD bitlen;
    DWORD pubexp;
} RSAPUBKEY;

/* after the head of a DSS or Diffie-Hellman blob of version 2 */
typedef struct _PUBKEY {
    DWORD magic;
    DWORD bitlen;
} DHPUBKEY, DSSPUBKEY, KEAPUBKEY, TEKPUBKEY;

typedef struct _DSSSEED {
    DWORD counter; /* 0xffffffff: no seed */
    BYTE seed[20];
} DSSSEED;

/* after the head of a DSS or Diffie-Hellman blob of version 3 */
typedef struct _PUBKEYVER3 {
    DWORD magic;
    DWORD bitlenP;
    DWORD bitlenQ; /* 0: no Q */
    DWORD bitlenJ; /* 0: no J */
    DSSSEED DSSSeed;
} DHPUBKEY_VER3, DSSPUBKEY_VER3;

typedef struct _PRIVKEYVER3 {
    DWORD magic;
    DWORD bitlenP;
    DWORD bitlenQ;
    DWORD bitlenJ;
    DWORD bitlenX;
    DSSSEED DSSSeed;
} DHPRIVKEY_VER3, DSSPRIVKEY_VER3;

typedef struct _KEY_TYPE_SUBTYPE {
    DWORD dwKeySpec;
    BYTE Type[16];    /* a GUID */
    BYTE Subtype[16]; /* a GUID */
} KEY_TYPE_SUBTYPE, *PKEY_TYPE_SUBTYPE;

/* ---- For providers ---------------------------------------------------------------------------- */

#define SIGNATURE_RESOURCE_NUMBER   0x29a
#define EXPO_OFFLOAD_REG_VALUE      "ExpoOffload"
#define EXPO_OFFLOAD_FUNC_NAME      "OffloadModExpo"

/* what a provider is told of its caller when a context is acquired */
typedef struct _VTableProvStruc {
    DWORD Version; /* 3 */
    FARPROC FuncVerifyImage;
    FARPROC FuncReturnhWnd;
    DWORD dwProvType;
    BYTE *pbContextInfo;
    DWORD cbContextInfo;
    LPSTR pszProvName;
} VTableProvStruc, *PVTableProvStruc;

typedef BOOL(WINAPI *CRYPT_VERIFY_IMAGE_A)(LPCSTR szImage, CONST BYTE *pbSigData);
typedef void (*CRYPT_RETURN_HWND)(HWND *phWnd);

/* ---- Contexts --------------------------------------------------------------------------------- */

WINADVAPI BOOL WINAPI CryptAcquireContextA(HCRYPTPROV *phProv, LPCSTR szContainer,
                                           LPCSTR szProvider, DWORD dwProvType, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptAcquireContextW(HCRYPTPROV *phProv, LPCWSTR szContainer,
                                           LPCWSTR szProvider, DWORD dwProvType, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptReleaseContext(HCRYPTPROV hProv, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptContextAddRef(HCRYPTPROV hProv, DWORD *pdwReserved, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptSetProvParam(HCRYPTPROV hProv, DWORD dwParam, CONST BYTE *pbData,
                                        DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptGetProvParam(HCRYPTPROV hProv, DWORD dwParam, BYTE *pbData,
                                        DWORD *pdwDataLen, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptGenRandom(HCRYPTPROV hProv, DWORD dwLen, BYTE *pbBuffer);

/* ---- Keys ------------------------------------------------------------------------------------- */

WINADVAPI BOOL WINAPI CryptGenKey(HCRYPTPROV hProv, ALG_ID Algid, DWORD dwFlags, HCRYPTKEY *phKey);
WINADVAPI BOOL WINAPI CryptDeriveKey(HCRYPTPROV hProv, ALG_ID Algid, HCRYPTHASH hBaseData,
                                     DWORD dwFlags, HCRYPTKEY *phKey);
WINADVAPI BOOL WINAPI CryptGetUserKey(HCRYPTPROV hProv, DWORD dwKeySpec, HCRYPTKEY *phUserKey);
WINADVAPI BOOL WINAPI CryptDestroyKey(HCRYPTKEY hKey);
WINADVAPI BOOL WINAPI CryptDuplicateKey(HCRYPTKEY hKey, DWORD *pdwReserved, DWORD dwFlags,
                                        HCRYPTKEY *phKey);
WINADVAPI BOOL WINAPI CryptSetKeyParam(HCRYPTKEY hKey, DWORD dwParam, CONST BYTE *pbData,
                                       DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptGetKeyParam(HCRYPTKEY hKey, DWORD dwParam, BYTE *pbData,
                                       DWORD *pdwDataLen, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptExportKey(HCRYPTKEY hKey, HCRYPTKEY hExpKey, DWORD dwBlobType,
                                     DWORD dwFlags, BYTE *pbData, DWORD *pdwDataLen);
WINADVAPI BOOL WINAPI CryptImportKey(HCRYPTPROV hProv, CONST BYTE *pbData, DWORD dwDataLen,
                                     HCRYPTKEY hPubKey, DWORD dwFlags, HCRYPTKEY *phKey);

/* ---- Encryption ------------------------------------------------------------------------------- */

WINADVAPI BOOL WINAPI CryptEncrypt(HCRYPTKEY hKey, HCRYPTHASH hHash, BOOL Final, DWORD dwFlags,
                                   BYTE *pbData, DWORD *pdwDataLen, DWORD dwBufLen);
WINADVAPI BOOL WINAPI CryptDecrypt(HCRYPTKEY hKey, HCRYPTHASH hHash, BOOL Final, DWORD dwFlags,
                                   BYTE *pbData, DWORD *pdwDataLen);

/* ---- Hashes and signatures -------------------------------------------------------------------- */

WINADVAPI BOOL WINAPI CryptCreateHash(HCRYPTPROV hProv, ALG_ID Algid, HCRYPTKEY hKey, DWORD dwFlags,
                                      HCRYPTHASH *phHash);
WINADVAPI BOOL WINAPI CryptDestroyHash(HCRYPTHASH hHash);
WINADVAPI BOOL WINAPI CryptDuplicateHash(HCRYPTHASH hHash, DWORD *pdwReserved, DWORD dwFlags,
                                         HCRYPTHASH *phHash);
WINADVAPI BOOL WINAPI CryptHashData(HCRYPTHASH hHash, CONST BYTE *pbData, DWORD dwDataLen,
                                    DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptHashSessionKey(HCRYPTHASH hHash, HCRYPTKEY hKey, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptSetHashParam(HCRYPTHASH hHash, DWORD dwParam, CONST BYTE *pbData,
                                        DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptGetHashParam(HCRYPTHASH hHash, DWORD dwParam, BYTE *pbData,
                                        DWORD *pdwDataLen, DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptSignHashA(HCRYPTHASH hHash, DWORD dwKeySpec, LPCSTR szDescription,
                                     DWORD dwFlags, BYTE *pbSignature, DWORD *pdwSigLen);
WINADVAPI BOOL WINAPI CryptSignHashW(HCRYPTHASH hHash, DWORD dwKeySpec, LPCWSTR szDescription,
                                     DWORD dwFlags, BYTE *pbSignature, DWORD *pdwSigLen);
WINADVAPI BOOL WINAPI CryptVerifySignatureA(HCRYPTHASH hHash, CONST BYTE *pbSignature,
                                            DWORD dwSigLen, HCRYPTKEY hPubKey, LPCSTR szDescription,
                                            DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptVerifySignatureW(HCRYPTHASH hHash, CONST BYTE *pbSignature,
                                            DWORD dwSigLen, HCRYPTKEY hPubKey,
                                            LPCWSTR szDescription, DWORD dwFlags);

/* ---- Providers and their types ---------------------------------------------------------------- */

WINADVAPI BOOL WINAPI CryptEnumProvidersA(DWORD dwIndex, DWORD *pdwReserved, DWORD dwFlags,
                                          DWORD *pdwProvType, LPSTR szProvName, DWORD *pcbProvName);
WINADVAPI BOOL WINAPI CryptEnumProvidersW(DWORD dwIndex, DWORD *pdwReserved, DWORD dwFlags,
                                          DWORD *pdwProvType, LPWSTR szProvName,
                                          DWORD *pcbProvName);
WINADVAPI BOOL WINAPI CryptEnumProviderTypesA(DWORD dwIndex, DWORD *pdwReserved, DWORD dwFlags,
                                              DWORD *pdwProvType, LPSTR szTypeName,
                                              DWORD *pcbTypeName);
WINADVAPI BOOL WINAPI CryptEnumProviderTypesW(DWORD dwIndex, DWORD *pdwReserved, DWORD dwFlags,
                                              DWORD *pdwProvType, LPWSTR szTypeName,
                                              DWORD *pcbTypeName);
WINADVAPI BOOL WINAPI CryptGetDefaultProviderA(DWORD dwProvType, DWORD *pdwReserved, DWORD dwFlags,
                                               LPSTR pszProvName, DWORD *pcbProvName);
WINADVAPI BOOL WINAPI CryptGetDefaultProviderW(DWORD dwProvType, DWORD *pdwReserved, DWORD dwFlags,
                                               LPWSTR pszProvName, DWORD *pcbProvName);
WINADVAPI BOOL WINAPI CryptSetProviderA(LPCSTR pszProvName, DWORD dwProvType);
WINADVAPI BOOL WINAPI CryptSetProviderW(LPCWSTR pszProvName, DWORD dwProvType);
WINADVAPI BOOL WINAPI CryptSetProviderExA(LPCSTR pszProvName, DWORD dwProvType, DWORD *pdwReserved,
                                          DWORD dwFlags);
WINADVAPI BOOL WINAPI CryptSetProviderExW(LPCWSTR pszProvName, DWORD dwProvType, DWORD *pdwReserved,
                                          DWORD dwFlags);

#if defined(UNICODE)
#define CryptAcquireContext     CryptAcquireContextW
#define CryptSignHash           CryptSignHashW
#define CryptVerifySignature    CryptVerifySignatureW
#define CryptEnumProviders      CryptEnumProvidersW
#define CryptEnumProviderTypes  CryptEnumProviderTypesW
#define CryptGetDefaultProvider CryptGetDefaultProviderW
#define CryptSetProvider        CryptSetProviderW
#define CryptSetProviderEx      CryptSetProviderExW
#else
#define CryptAcquireContext     CryptAcquireContextA
#define CryptSignHash           CryptSignHashA
#define CryptVerifySignature    CryptVerifySignatureA
#define CryptEnumProviders      CryptEnumProvidersA
#define CryptEnumProviderTypes  CryptEnumProviderTypesA
#define CryptGetDefaultProvider CryptGetDefaultProviderA
#define CryptSetProvider        CryptSetProviderA
#define CryptSetProviderEx      CryptSetProviderExA
#endif

/* On Windows GetLastError comes with windows.h; a program may include this header alone. */
WINBASEAPI DWORD WINAPI GetLastError(void);
WINBASEAPI void WINAPI SetLastError(DWORD dwErrCode);

#endif
