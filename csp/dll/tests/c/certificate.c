/* A self-signed certificate of a new key pair, and what programs do with it: find its private key again, sign and verify a
 * message.
 *
 *     certificate PROVIDER TYPE CONTAINER
 *
 * Leaves in the current folder certificate.der, signature.bin (of the text below, big-endian), message.p7 and, out of it
 * again, message.txt. */

#include <string.h>

#include "program.h"

static const char TEXT[] = "signed by a program that knows only wincrypt.h";
#define TEXT_LENGTH (sizeof TEXT - 1)

static CERT_NAME_BLOB encoded_name(const WCHAR *text)
{
    CERT_NAME_BLOB name = {0, NULL};
    must(CertStrToNameW(X509_ASN_ENCODING, text, CERT_X500_NAME_STR, NULL, NULL, &name.cbData, NULL), "CertStrToName");
    name.pbData = room(name.cbData);
    must(CertStrToNameW(X509_ASN_ENCODING, text, CERT_X500_NAME_STR, NULL, name.pbData, &name.cbData, NULL), "CertStrToName");
    return name;
}

/* The private key, found by what the certificate says of its provider and container. */
static void sign_with_key_of(PCCERT_CONTEXT certificate, ALG_ID hash_algorithm)
{
    HCRYPTPROV_OR_NCRYPT_KEY_HANDLE provider = 0;
    DWORD key_spec = 0, length = 0, i;
    BOOL free_it = FALSE;
    HCRYPTHASH hash;
    BYTE *signature;

    must(CryptAcquireCertificatePrivateKey(certificate, CRYPT_ACQUIRE_COMPARE_KEY_FLAG, NULL, &provider, &key_spec, &free_it),
         "CryptAcquireCertificatePrivateKey");
    must(key_spec == AT_SIGNATURE && free_it, "the key that was found");
    must(CryptCreateHash(provider, hash_algorithm, 0, 0, &hash), "CryptCreateHash");
    must(CryptHashData(hash, (const BYTE *)TEXT, TEXT_LENGTH, 0), "CryptHashData");
    must(CryptSignHashW(hash, key_spec, NULL, 0, NULL, &length), "CryptSignHash");
    signature = room(length);
    must(CryptSignHashW(hash, key_spec, NULL, 0, signature, &length), "CryptSignHash");
    for (i = 0; i < length / 2; i++) {
        BYTE byte = signature[i];
        signature[i] = signature[length - 1 - i];
        signature[length - 1 - i] = byte;
    }
    write_file("signature.bin", signature, length);
    must(CryptDestroyHash(hash), "CryptDestroyHash");
    must(CryptReleaseContext(provider, 0), "CryptReleaseContext");
}

static void sign_and_verify_message(PCCERT_CONTEXT certificate, LPSTR hash_oid)
{
    CRYPT_SIGN_MESSAGE_PARA sign;
    CRYPT_VERIFY_MESSAGE_PARA verify;
    const BYTE *parts[] = {(const BYTE *)TEXT};
    DWORD lengths[] = {TEXT_LENGTH};
    DWORD length = 0, plain_length = 0;
    BYTE *message, *plain;

    memset(&sign, 0, sizeof sign);
    sign.cbSize = sizeof sign;
    sign.dwMsgEncodingType = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING;
    sign.pSigningCert = certificate;
    sign.HashAlgorithm.pszObjId = hash_oid;
    sign.cMsgCert = 1;
    sign.rgpMsgCert = &certificate;
    must(CryptSignMessage(&sign, FALSE, 1, parts, lengths, NULL, &length), "CryptSignMessage");
    message = room(length);
    must(CryptSignMessage(&sign, FALSE, 1, parts, lengths, message, &length), "CryptSignMessage");
    write_file("message.p7", message, length);

    memset(&verify, 0, sizeof verify);
    verify.cbSize = sizeof verify;
    verify.dwMsgAndCertEncodingType = X509_ASN_ENCODING | PKCS_7_ASN_ENCODING;
    must(CryptVerifyMessageSignature(&verify, 0, message, length, NULL, &plain_length, NULL), "CryptVerifyMessageSignature");
    plain = room(plain_length);
    must(CryptVerifyMessageSignature(&verify, 0, message, length, plain, &plain_length, NULL), "CryptVerifyMessageSignature");
    must(plain_length == TEXT_LENGTH && memcmp(plain, TEXT, TEXT_LENGTH) == 0, "the message's text");
    write_file("message.txt", plain, plain_length);

    /* One wrong byte in the signature, which is last. */
    message[length - 1] ^= 1;
    must(!CryptVerifyMessageSignature(&verify, 0, message, length, plain, &plain_length, NULL), "a damaged message");
}

int main(int argc, char **argv)
{
    HCRYPTPROV provider;
    HCRYPTKEY key;
    CERT_NAME_BLOB name;
    CRYPT_ALGORITHM_IDENTIFIER algorithm;
    PCCERT_CONTEXT certificate;
    DWORD type;

    must(argc == 4, "three arguments");
    type = strtoul(argv[2], NULL, 10);
    must(CryptAcquireContextA(&provider, argv[3], argv[1], type, CRYPT_NEWKEYSET), "CryptAcquireContext");
    must(CryptGenKey(provider, AT_SIGNATURE, 2048 << 16, &key), "CryptGenKey");
    must(CryptDestroyKey(key), "CryptDestroyKey");

    name = encoded_name(L"CN=made by a module, O=example");
    memset(&algorithm, 0, sizeof algorithm);
    /* Only one type of the RSA family has SHA-256. */
    algorithm.pszObjId = type == PROV_RSA_AES ? szOID_RSA_SHA256RSA : szOID_RSA_SHA1RSA;
    certificate = CertCreateSelfSignCertificate(provider, &name, 0, NULL, &algorithm, NULL, NULL, NULL);
    must(certificate != NULL, "CertCreateSelfSignCertificate");
    write_file("certificate.der", certificate->pbCertEncoded, certificate->cbCertEncoded);
    /* From here on the certificate alone leads to the key. */
    must(CryptReleaseContext(provider, 0), "CryptReleaseContext");

    sign_with_key_of(certificate, type == PROV_RSA_AES ? CALG_SHA_256 : CALG_SHA1);
    sign_and_verify_message(certificate, type == PROV_RSA_AES ? szOID_NIST_sha256 : szOID_OIWSEC_sha1);

    must(CertFreeCertificateContext(certificate), "CertFreeCertificateContext");
    must(CryptAcquireContextA(&provider, argv[3], argv[1], type, CRYPT_DELETEKEYSET), "CryptAcquireContext");
    return 0;
}
