"""boto3 as a judge of IAM and STS: every operation with its answer, paginators, waiters, exception classes, and sessions
that boto3 makes by configuration alone.

Started by boto3-access.test.ts, which says which operations there are. The last case fails if one was not called.
"""

import base64
import contextlib
import json
import os
import re
import secrets
import sys
import tempfile
from datetime import datetime, timedelta, timezone

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import WaiterError

from judge import case, main, refused, same, without_metadata

URL = os.environ["JUDGE_URL"]
ACCOUNT = os.environ["JUDGE_ACCOUNT"]
KEY = os.environ["JUDGE_ACCESS_KEY_ID"]
SECRET = os.environ["JUDGE_SECRET_ACCESS_KEY"]
# Of an identity provider that the server may ask.
ISSUER = os.environ["JUDGE_ISSUER"]
# By name, each good for ten minutes.
TOKENS = json.loads(os.environ["JUDGE_TOKENS"])
OPERATIONS = set(json.loads(os.environ["JUDGE_OPERATIONS"]))

# `iam:GetUser` and so on: what was answered with 200, and what was refused.
ANSWERED = set()
REFUSED = set()

READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
POWER_USER = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"


def note(http_response, model, **_):
    names = ANSWERED if http_response.status_code == 200 else REFUSED
    names.add(f"{model.service_model.service_name}:{model.name}")


class Caller:
    """Somebody with clients of three services, each with one attempt, so that a refusal is seen and not retried."""

    def __init__(self, session):
        self.session = session
        settings = Config(retries={"total_max_attempts": 1, "mode": "standard"})
        self.iam, self.sts, self.ecr = (
            session.client(service, endpoint_url=URL, config=settings) for service in ("iam", "sts", "ecr")
        )
        for client in (self.iam, self.sts, self.ecr):
            client.meta.events.register("after-call", note)

    @property
    def arn(self):
        return self.sts.get_caller_identity()["Arn"]


def caller(key, secret, token=None):
    return Caller(
        boto3.session.Session(
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name="us-east-1"
        )
    )


def with_credentials(credentials):
    return caller(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


admin = caller(KEY, SECRET)
iam, sts, ecr = admin.iam, admin.sts, admin.ecr


def allow(*actions, resource="*", **more):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}],
    }


def trusting(principal, action="sts:AssumeRole", **more):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, **more}],
    }


ACCOUNT_TRUST = trusting({"AWS": ACCOUNT})
# Characters that URLs, XML and JSON each have an opinion on. IAM takes Latin-1 in policies.
AWKWARD = allow(
    "ecr:Get*", Sid="Awkward", Condition={"StringLike": {"aws:PrincipalTag/team": ["a+b & <c> %20 'ü\"\\"]}}
)


def text(document):
    return json.dumps(document)


def arn(kind, name, path="/"):
    return f"arn:aws:iam::{ACCOUNT}:{kind}{path}{name}"


def recent(moment):
    assert moment.tzinfo and abs(datetime.now(timezone.utc) - moment) < timedelta(minutes=2), moment
    return moment


def identifier(got, prefix):
    assert re.fullmatch(prefix + "[A-Z2-7]{17}", got), got
    return got


def tags(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def paged(client, operation, member, size=2, **arguments):
    """All of a list, in pages of that size at most, and each once."""
    pages = list(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **arguments))
    assert all(len(page[member]) <= size for page in pages), pages
    found = [item for page in pages for item in page[member]]
    same(len({json.dumps(item, default=str) for item in found}), len(found), "each item once")
    same([page["IsTruncated"] for page in pages], [True] * (len(pages) - 1) + [False])
    return found


NAMES = iter(range(1, 10_000))


def fresh(kind):
    return f"{kind}-{next(NAMES)}"


def new_user(*actions, resource="*", name=None):
    """A user with one key, who may do this."""
    name = name or fresh("user")
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=text(allow(*actions, resource=resource)))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, caller(key["AccessKeyId"], key["SecretAccessKey"])


def new_role(*actions, trust=ACCOUNT_TRUST, resource="*", **settings):
    name = fresh("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=text(trust), **settings)
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=text(allow(*actions, resource=resource)))
    return name


def new_policy(document=None, **settings):
    return iam.create_policy(
        PolicyName=fresh("policy"), PolicyDocument=text(document or allow("ecr:Describe*")), **settings
    )["Policy"]["Arn"]


def denied(action, call, resource=None, **arguments):
    """ECR refuses with 400, IAM and STS with 403."""
    status = 400 if action.startswith("ecr:") else 403
    code = "AccessDeniedException" if status == 400 else "AccessDenied"
    pattern = rf"^User: arn:aws:\S+ is not authorized to perform: {re.escape(action)} on resource: "
    return refused(code, call, status=status, text=re.compile(pattern + re.escape(resource or "")), **arguments)


# Users and groups


@case("CreateUser, GetUser, UpdateUser, DeleteUser: whole answers, the waiter and the exceptions")
def _():
    boundary = new_policy()
    made = iam.create_user(
        Path="/team/", UserName="Ada", PermissionsBoundary=boundary, Tags=tags(empty="", team="blue + grün")
    )["User"]
    wanted = {
        "Path": "/team/",
        "UserName": "Ada",
        "UserId": identifier(made["UserId"], "AIDA"),
        "Arn": arn("user", "Ada", "/team/"),
        "CreateDate": recent(made["CreateDate"]),
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": boundary,
        },
        "Tags": tags(empty="", team="blue + grün"),
    }
    same(made, wanted)
    iam.get_waiter("user_exists").wait(UserName="Ada", WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    same(iam.get_user(UserName="Ada")["User"], wanted)
    same(iam.get_user(UserName="ada")["User"], wanted, "names are found whatever their case")
    refused(
        iam.exceptions.EntityAlreadyExistsException,
        iam.create_user,
        UserName="ADA",
        status=409,
        text="User with name ADA already exists.",
    )
    iam.update_user(UserName="Ada", NewUserName="Lovelace", NewPath="/")
    same(
        iam.get_user(UserName="Lovelace")["User"],
        {**wanted, "UserName": "Lovelace", "Path": "/", "Arn": arn("user", "Lovelace")},
    )
    missing = {"status": 404, "text": "The user with name Ada cannot be found."}
    refused(iam.exceptions.NoSuchEntityException, iam.get_user, UserName="Ada", **missing)
    iam.delete_user(UserName="Lovelace")
    refused(iam.exceptions.NoSuchEntityException, iam.delete_user, UserName="Ada", **missing)
    try:
        iam.get_waiter("user_exists").wait(UserName="Ada", WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    except WaiterError:
        return
    raise AssertionError("the waiter found a user who is gone")


@case("GetUser and GetCallerIdentity without a name: the caller")
def _():
    user = iam.get_user()["User"]
    same((user["UserName"], user["Arn"]), ("admin", arn("user", "admin")))
    same(
        without_metadata(sts.get_caller_identity()),
        {"UserId": user["UserId"], "Account": ACCOUNT, "Arn": user["Arn"]},
    )


@case("ListUsers: pages of two, by path")
def _():
    names = [f"paged-{n}" for n in range(5)]
    for name in names:
        iam.create_user(Path="/paged/", UserName=name)
    same([user["UserName"] for user in paged(iam, "list_users", "Users", PathPrefix="/paged/")], names)
    same(paged(iam, "list_users", "Users", PathPrefix="/nobody/"), [])
    assert {"admin", *names} <= {user["UserName"] for user in paged(iam, "list_users", "Users")}
    refused("ValidationError", iam.list_users, Marker="nonsense")
    user = iam.list_users(PathPrefix="/paged/", MaxItems=1)["Users"][0]
    same(sorted(user), ["Arn", "CreateDate", "Path", "UserId", "UserName"])


@case("an answer names the constraint that a name breaks")
def _():
    refused(
        "ValidationError",
        iam.create_user,
        UserName="no spaces",
        text=re.compile("^1 validation error detected: Value .*at 'userName' failed to satisfy constraint: "),
    )


@case("CreateAccessKey, ListAccessKeys, UpdateAccessKey, GetAccessKeyLastUsed, GetAccessKeyInfo, DeleteAccessKey")
def _():
    name = fresh("user")
    iam.create_user(UserName=name)
    keys = [iam.create_access_key(UserName=name)["AccessKey"] for _ in range(2)]
    first, second = keys
    same(sorted(first), ["AccessKeyId", "CreateDate", "SecretAccessKey", "Status", "UserName"])
    same((first["UserName"], first["Status"]), (name, "Active"))
    assert re.fullmatch("AKIA[A-Z2-7]{16}", first["AccessKeyId"]), first["AccessKeyId"]
    assert re.fullmatch("[A-Za-z0-9]{40}", first["SecretAccessKey"])
    recent(first["CreateDate"])
    refused(
        iam.exceptions.LimitExceededException,
        iam.create_access_key,
        UserName=name,
        status=409,
        text="Cannot exceed quota for AccessKeysPerUser: 2",
    )
    listed = {key["AccessKeyId"]: key for key in paged(iam, "list_access_keys", "AccessKeyMetadata", 1, UserName=name)}
    without_secret = {member: value for member, value in first.items() if member != "SecretAccessKey"}
    same(listed[first["AccessKeyId"]], without_secret)
    same(set(listed), {key["AccessKeyId"] for key in keys})
    same(without_metadata(sts.get_access_key_info(AccessKeyId=first["AccessKeyId"])), {"Account": ACCOUNT})
    unused = iam.get_access_key_last_used(AccessKeyId=second["AccessKeyId"])
    same(without_metadata(unused), {"UserName": name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}})

    owner = caller(first["AccessKeyId"], first["SecretAccessKey"])
    same(owner.arn, arn("user", name))
    iam.update_access_key(UserName=name, AccessKeyId=first["AccessKeyId"], Status="Inactive")
    same(
        [key["Status"] for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]].count("Inactive"),
        1,
    )
    text = "The security token included in the request is invalid."
    refused("InvalidClientTokenId", owner.sts.get_caller_identity, status=403, text=re.compile("token"))
    refused("UnrecognizedClientException", owner.ecr.describe_registry, text=text)
    iam.update_access_key(UserName=name, AccessKeyId=first["AccessKeyId"], Status="Active")
    same(owner.arn, arn("user", name))
    iam.delete_access_key(UserName=name, AccessKeyId=first["AccessKeyId"])
    refused("InvalidClientTokenId", owner.sts.get_caller_identity, status=403)
    refused(
        iam.exceptions.NoSuchEntityException,
        iam.delete_access_key,
        UserName=name,
        AccessKeyId=first["AccessKeyId"],
        status=404,
    )
    refused(iam.exceptions.DeleteConflictException, iam.delete_user, UserName=name, status=409)


@case("GetAccessKeyLastUsed: when, where and for what")
def _():
    name, owner = new_user("ecr:DescribeRegistry")
    owner.ecr.describe_registry()
    key = owner.session.get_credentials().access_key
    answer = without_metadata(iam.get_access_key_last_used(AccessKeyId=key))
    same(answer["UserName"], name)
    used = answer["AccessKeyLastUsed"]
    same((used["ServiceName"], used["Region"]), ("ecr", "us-east-1"))
    recent(used["LastUsedDate"])


@case("groups: CreateGroup, GetGroup, UpdateGroup, DeleteGroup, members in pages, ListGroups, ListGroupsForUser")
def _():
    made = iam.create_group(GroupName="crew", Path="/ships/")["Group"]
    wanted = {
        "Path": "/ships/",
        "GroupName": "crew",
        "GroupId": identifier(made["GroupId"], "AGPA"),
        "Arn": arn("group", "crew", "/ships/"),
        "CreateDate": recent(made["CreateDate"]),
    }
    same(made, wanted)
    exists = {"status": 409, "text": "Group with name crew already exists."}
    refused(iam.exceptions.EntityAlreadyExistsException, iam.create_group, GroupName="crew", **exists)
    members = sorted(fresh("sailor") for _ in range(3))
    for name in members:
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="crew", UserName=name)
    same([user["UserName"] for user in paged(iam, "get_group", "Users", GroupName="crew")], members)
    same(iam.get_group(GroupName="crew")["Group"], wanted)
    iam.update_group(GroupName="crew", NewGroupName="hands", NewPath="/")
    renamed = {**wanted, "GroupName": "hands", "Path": "/", "Arn": arn("group", "hands")}
    same(paged(iam, "list_groups_for_user", "Groups", UserName=members[0]), [renamed])
    iam.create_group(GroupName="officers")
    names = [group["GroupName"] for group in paged(iam, "list_groups", "Groups", 1)]
    assert {"hands", "officers"} <= set(names), names
    refused(iam.exceptions.DeleteConflictException, iam.delete_group, GroupName="hands", status=409)
    for name in members:
        iam.remove_user_from_group(GroupName="hands", UserName=name)
    same(iam.get_group(GroupName="hands")["Users"], [])
    iam.delete_group(GroupName="hands")
    missing = {"status": 404, "text": "The group with name hands cannot be found."}
    refused(iam.exceptions.NoSuchEntityException, iam.get_group, GroupName="hands", **missing)


# Roles and policies


@case("CreateRole, GetRole, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy, DeleteRole and the waiter")
def _():
    made = iam.create_role(
        RoleName="deploy",
        Path="/ci/",
        AssumeRolePolicyDocument=text(ACCOUNT_TRUST),
        Description="deploys & <releases>",
        MaxSessionDuration=7200,
        Tags=tags(team="blue"),
    )["Role"]
    wanted = {
        "Path": "/ci/",
        "RoleName": "deploy",
        "RoleId": identifier(made["RoleId"], "AROA"),
        "Arn": arn("role", "deploy", "/ci/"),
        "CreateDate": recent(made["CreateDate"]),
        "AssumeRolePolicyDocument": ACCOUNT_TRUST,
        "Description": "deploys & <releases>",
        "MaxSessionDuration": 7200,
        "Tags": tags(team="blue"),
    }
    same(made, wanted)
    iam.get_waiter("role_exists").wait(RoleName="deploy", WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    same(iam.get_role(RoleName="deploy")["Role"], wanted)
    exists = {"status": 409, "text": "Role with name Deploy already exists."}
    again = {"RoleName": "Deploy", "AssumeRolePolicyDocument": text(ACCOUNT_TRUST)}
    refused(iam.exceptions.EntityAlreadyExistsException, iam.create_role, **again, **exists)
    iam.update_role(RoleName="deploy", Description="deploys", MaxSessionDuration=3600)
    same(iam.update_role_description(RoleName="deploy", Description="ships")["Role"]["Description"], "ships")
    trust = trusting({"AWS": arn("user", "admin")}, Condition={"StringEquals": {"sts:ExternalId": "a b+c&d"}})
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=text(trust))
    changed = {**wanted, "Description": "ships", "MaxSessionDuration": 3600, "AssumeRolePolicyDocument": trust}
    same(iam.get_role(RoleName="deploy")["Role"], changed)
    same(iam.list_instance_profiles_for_role(RoleName="deploy")["InstanceProfiles"], [])
    iam.delete_role(RoleName="deploy")
    missing = {"status": 404, "text": "The role with name deploy cannot be found."}
    refused(iam.exceptions.NoSuchEntityException, iam.get_role, RoleName="deploy", **missing)


@case("ListRoles: pages of two, with their trust policies")
def _():
    names = [f"listed-{n}" for n in range(3)]
    for name in names:
        iam.create_role(RoleName=name, Path="/listed/", AssumeRolePolicyDocument=text(ACCOUNT_TRUST))
    roles = paged(iam, "list_roles", "Roles", PathPrefix="/listed/")
    same([role["RoleName"] for role in roles], names)
    same([role["AssumeRolePolicyDocument"] for role in roles], [ACCOUNT_TRUST] * 3)


@case("MalformedPolicyDocument: what is no policy is not kept")
def _():
    name = new_role()
    malformed = iam.exceptions.MalformedPolicyDocumentException
    wrong = {"RoleName": name, "PolicyName": "wrong"}
    refused(malformed, iam.put_role_policy, **wrong, PolicyDocument="{", text=re.compile("."))
    refused(malformed, iam.put_role_policy, **wrong, PolicyDocument=text(ACCOUNT_TRUST), text=re.compile("rincipal"))
    nobody = text(trusting({"AWS": arn("user", "nobody")}))
    refused(
        malformed,
        iam.update_assume_role_policy,
        RoleName=name,
        PolicyDocument=nobody,
        text=f'Invalid principal in policy: "AWS":"{arn("user", "nobody")}"',
    )
    refused(iam.exceptions.NoSuchEntityException, iam.get_role_policy, **wrong, status=404)


@case("managed policies: CreatePolicy, GetPolicy, versions, the default, ListPolicies, DeletePolicy and the waiter")
def _():
    made = iam.create_policy(
        PolicyName="pull",
        Path="/team/",
        PolicyDocument=text(AWKWARD),
        Description="what a cluster needs",
        Tags=tags(team="blue"),
    )["Policy"]
    policy = made["Arn"]
    wanted = {
        "PolicyName": "pull",
        "PolicyId": identifier(made["PolicyId"], "ANPA"),
        "Arn": arn("policy", "pull", "/team/"),
        "Path": "/team/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": recent(made["CreateDate"]),
        "UpdateDate": made["CreateDate"],
        "Tags": tags(team="blue"),
    }
    same(made, wanted)
    iam.get_waiter("policy_exists").wait(PolicyArn=policy, WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    same(iam.get_policy(PolicyArn=policy)["Policy"], {**wanted, "Description": "what a cluster needs"})
    first = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]
    recent(first["CreateDate"])
    same(
        first,
        {"Document": AWKWARD, "VersionId": "v1", "IsDefaultVersion": True, "CreateDate": first["CreateDate"]},
    )
    for n in range(2, 6):
        version = iam.create_policy_version(
            PolicyArn=policy, PolicyDocument=text(allow(f"ecr:Get{n}*")), SetAsDefault=n == 3
        )["PolicyVersion"]
        same((version["VersionId"], version["IsDefaultVersion"]), (f"v{n}", n == 3))
    refused(
        iam.exceptions.LimitExceededException,
        iam.create_policy_version,
        PolicyArn=policy,
        PolicyDocument=text(allow("ecr:*")),
        status=409,
    )
    versions = paged(iam, "list_policy_versions", "Versions", PolicyArn=policy)
    same(
        {version["VersionId"]: version["IsDefaultVersion"] for version in versions},
        {f"v{n}": n == 3 for n in range(1, 6)},
    )
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v5")
    same(iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"], "v5")
    refused(
        iam.exceptions.DeleteConflictException, iam.delete_policy_version, PolicyArn=policy, VersionId="v5", status=409
    )
    refused(iam.exceptions.DeleteConflictException, iam.delete_policy, PolicyArn=policy, status=409)
    for n in range(1, 5):
        iam.delete_policy_version(PolicyArn=policy, VersionId=f"v{n}")
    found = paged(iam, "list_policies", "Policies", Scope="Local", PathPrefix="/team/")
    same([(each["Arn"], each["DefaultVersionId"]) for each in found], [(policy, "v5")])
    iam.delete_policy(PolicyArn=policy)
    refused(iam.exceptions.NoSuchEntityException, iam.get_policy, PolicyArn=policy, status=404)


@case("ListPolicies: those of AWS, read like any other, and never changed")
def _():
    found = {policy["PolicyName"]: policy for policy in paged(iam, "list_policies", "Policies", 3, Scope="AWS")}
    same(found["AmazonEC2ContainerRegistryReadOnly"]["Arn"], READ_ONLY)
    default = iam.get_policy(PolicyArn=READ_ONLY)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=READ_ONLY, VersionId=default)["PolicyVersion"]["Document"]
    assert "ecr:BatchGetImage" in document["Statement"][0]["Action"], document
    refused("AccessDenied", iam.delete_policy, PolicyArn=READ_ONLY, status=403)


KINDS = {"user": "UserName", "group": "GroupName", "role": "RoleName"}


def new(kind):
    if kind == "role":
        return new_role()
    name = fresh(kind)
    getattr(iam, f"create_{kind}")(**{KINDS[kind]: name})
    return name


for kind in KINDS:

    @case(f"inline policies of a {kind}: put, get, list, delete; documents come back as they were sent")
    def _(kind=kind):
        of = {KINDS[kind]: new(kind)}
        call = lambda verb, **more: getattr(iam, f"{verb}_{kind}_policy")(**of, **more)
        names = [f"p{n}" for n in range(3)]
        for name in names:
            call("put", PolicyName=name, PolicyDocument=text(AWKWARD))
        same(
            without_metadata(call("get", PolicyName="p0")), {**of, "PolicyName": "p0", "PolicyDocument": AWKWARD}
        )
        call("put", PolicyName="p0", PolicyDocument=text(allow("ecr:*")))
        same(call("get", PolicyName="p0")["PolicyDocument"], allow("ecr:*"))
        same(paged(iam, f"list_{kind}_policies", "PolicyNames", **of), names)
        refused(iam.exceptions.DeleteConflictException, getattr(iam, f"delete_{kind}"), **of, status=409)
        for name in names:
            call("delete", PolicyName=name)
        refused(iam.exceptions.NoSuchEntityException, call, "get", PolicyName="p0", status=404)
        getattr(iam, f"delete_{kind}")(**of)

    @case(f"policies attached to a {kind}: attach, list, ListEntitiesForPolicy, detach")
    def _(kind=kind):
        of = {KINDS[kind]: new(kind)}
        policies = [new_policy(Path="/attached/"), READ_ONLY, POWER_USER]
        for policy in policies:
            getattr(iam, f"attach_{kind}_policy")(**of, PolicyArn=policy)
        attached = paged(iam, f"list_attached_{kind}_policies", "AttachedPolicies", **of)
        same(
            sorted((each["PolicyName"], each["PolicyArn"]) for each in attached),
            sorted((policy.rsplit("/", 1)[1], policy) for policy in policies),
        )
        ours = paged(iam, f"list_attached_{kind}_policies", "AttachedPolicies", **of, PathPrefix="/attached/")
        same([each["PolicyArn"] for each in ours], policies[:1])
        entities = without_metadata(iam.list_entities_for_policy(PolicyArn=policies[0]))
        lists = {"user": "PolicyUsers", "group": "PolicyGroups", "role": "PolicyRoles"}
        same([each[KINDS[kind]] for each in entities[lists[kind]]], list(of.values()))
        same([entities[member] for other, member in lists.items() if other != kind], [[], []])
        same(iam.get_policy(PolicyArn=policies[0])["Policy"]["AttachmentCount"], 1)
        refused(iam.exceptions.DeleteConflictException, iam.delete_policy, PolicyArn=policies[0], status=409)
        refused(iam.exceptions.DeleteConflictException, getattr(iam, f"delete_{kind}"), **of, status=409)
        for policy in policies:
            getattr(iam, f"detach_{kind}_policy")(**of, PolicyArn=policy)
        detach = getattr(iam, f"detach_{kind}_policy")
        refused(iam.exceptions.NoSuchEntityException, detach, **of, PolicyArn=READ_ONLY, status=404)
        getattr(iam, f"delete_{kind}")(**of)
        iam.delete_policy(PolicyArn=policies[0])


for kind in ("user", "role"):

    @case(f"the permissions boundary of a {kind}: put, seen, counted, deleted")
    def _(kind=kind):
        of = {KINDS[kind]: new(kind)}
        boundary = new_policy()
        getattr(iam, f"put_{kind}_permissions_boundary")(**of, PermissionsBoundary=boundary)
        seen = lambda: getattr(iam, f"get_{kind}")(**of)[kind.capitalize()].get("PermissionsBoundary")
        same(
            seen(),
            {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary},
        )
        same(iam.get_policy(PolicyArn=boundary)["Policy"]["PermissionsBoundaryUsageCount"], 1)
        getattr(iam, f"delete_{kind}_permissions_boundary")(**of)
        same(seen(), None)


@case("tags of users, roles, policies and identity providers: tag, list in pages, untag")
def _():
    provider = iam.create_open_id_connect_provider(Url="https://tagged.example.com", ClientIDList=["a"])
    tagged = {
        "user": {"UserName": new("user")},
        "role": {"RoleName": new("role")},
        "policy": {"PolicyArn": new_policy()},
        "open_id_connect_provider": {"OpenIDConnectProviderArn": provider["OpenIDConnectProviderArn"]},
    }
    for kind, of in tagged.items():
        getattr(iam, f"tag_{kind}")(**of, Tags=tags(b="2", a="1 + ü", c=""))
        getattr(iam, f"tag_{kind}")(**of, Tags=tags(b="3"))
        listed = getattr(iam, f"list_{kind}_tags")
        page = listed(**of, MaxItems=2)
        same((len(page["Tags"]), page["IsTruncated"]), (2, True), kind)
        rest = listed(**of, Marker=page["Marker"])
        found = {each["Key"]: each["Value"] for each in page["Tags"] + rest["Tags"]}
        same(found, {"a": "1 + ü", "b": "3", "c": ""}, kind)
        getattr(iam, f"untag_{kind}")(**of, TagKeys=["a", "c", "unknown"])
        same(listed(**of)["Tags"], tags(b="3"), kind)


@case("identity providers: create, get, list, client ids, thumbprints, delete")
def _():
    url = "https://idp.example.com/tenant"
    made = iam.create_open_id_connect_provider(
        Url=url, ClientIDList=["one", "two"], ThumbprintList=["a" * 40], Tags=tags(team="blue")
    )
    provider = made["OpenIDConnectProviderArn"]
    same(provider, arn("oidc-provider", "idp.example.com/tenant"))
    same(made["Tags"], tags(team="blue"))
    of = {"OpenIDConnectProviderArn": provider}
    iam.add_client_id_to_open_id_connect_provider(**of, ClientID="three")
    iam.remove_client_id_from_open_id_connect_provider(**of, ClientID="one")
    iam.update_open_id_connect_provider_thumbprint(**of, ThumbprintList=["b" * 40, "c" * 40])
    found = without_metadata(iam.get_open_id_connect_provider(**of))
    recent(found.pop("CreateDate"))
    same(
        found,
        {
            "Url": "idp.example.com/tenant",
            "ClientIDList": ["two", "three"],
            "ThumbprintList": ["b" * 40, "c" * 40],
            "Tags": tags(team="blue"),
        },
    )
    listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert {"Arn": provider} in listed, listed
    refused(
        iam.exceptions.EntityAlreadyExistsException,
        iam.create_open_id_connect_provider,
        Url=url,
        ClientIDList=["one"],
        status=409,
    )
    iam.delete_open_id_connect_provider(**of)
    refused(iam.exceptions.NoSuchEntityException, iam.get_open_id_connect_provider, **of, status=404)


# The account


@case("the account: alias, summary, the password policy that it has not")
def _():
    same(iam.list_account_aliases()["AccountAliases"], [])
    iam.create_account_alias(AccountAlias="wharf")
    same(paged(iam, "list_account_aliases", "AccountAliases"), ["wharf"])
    iam.delete_account_alias(AccountAlias="wharf")
    same(iam.list_account_aliases()["AccountAliases"], [])
    refused(iam.exceptions.NoSuchEntityException, iam.delete_account_alias, AccountAlias="wharf", status=404)
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_user(UserName=fresh("user"))
    after = iam.get_account_summary()["SummaryMap"]
    same({name: after[name] - before[name] for name in before if after[name] != before[name]}, {"Users": 1})
    same((after["AccessKeysPerUserQuota"], after["AccountMFAEnabled"]), (2, 0))
    refused(iam.exceptions.NoSuchEntityException, iam.get_account_password_policy, status=404)


@case("GenerateCredentialReport, GetCredentialReport: a row for each user")
def _():
    name, owner = new_user("ecr:DescribeRegistry")
    same(iam.generate_credential_report()["State"], "COMPLETE")
    report = iam.get_credential_report()
    same(report["ReportFormat"], "text/csv")
    recent(report["GeneratedTime"])
    header, *rows = (line.split(",") for line in report["Content"].decode().split("\n"))
    by_name = {row[0]: dict(zip(header, row)) for row in rows}
    same(by_name["<root_account>"]["arn"], f"arn:aws:iam::{ACCOUNT}:root")
    same((by_name[name]["arn"], by_name[name]["access_key_1_active"]), (arn("user", name), "true"))


@case("GetAccountAuthorizationDetails: everybody once, in pages, with their policies as documents")
def _():
    user, group, role = new("user"), new("group"), new("role")
    policy = new_policy(AWKWARD)
    iam.add_user_to_group(GroupName=group, UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=text(AWKWARD))
    iam.put_group_policy(GroupName=group, PolicyName="inline", PolicyDocument=text(AWKWARD))
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    found = {member: [] for member in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")}
    for page in iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 7}):
        assert sum(len(page[member]) for member in found) <= 7
        for member, details in found.items():
            details += page[member]
    for member, name in (
        ("UserDetailList", "UserName"),
        ("GroupDetailList", "GroupName"),
        ("RoleDetailList", "RoleName"),
        ("Policies", "Arn"),
    ):
        names = [detail[name] for detail in found[member]]
        same(len(set(names)), len(names), member)
    one = lambda member, name, wanted: next(detail for detail in found[member] if detail[name] == wanted)
    inline = [{"PolicyName": "inline", "PolicyDocument": AWKWARD}]
    same(one("UserDetailList", "UserName", user)["UserPolicyList"], inline)
    same(one("UserDetailList", "UserName", user)["GroupList"], [group])
    same(one("GroupDetailList", "GroupName", group)["GroupPolicyList"], inline)
    detail = one("RoleDetailList", "RoleName", role)
    same(detail["AssumeRolePolicyDocument"], ACCOUNT_TRUST)
    same([each["PolicyArn"] for each in detail["AttachedManagedPolicies"]], [policy])
    versions = one("Policies", "Arn", policy)["PolicyVersionList"]
    same([(version["VersionId"], version["Document"]) for version in versions], [("v1", AWKWARD)])
    only = iam.get_account_authorization_details(Filter=["Group"])
    same((only["UserDetailList"], only["RoleDetailList"], only["Policies"]), ([], [], []))


@case("credentials that nobody has here: lists are empty, a login profile is not found")
def _():
    user = new("user")
    for operation, member in (
        ("list_mfa_devices", "MFADevices"),
        ("list_signing_certificates", "Certificates"),
        ("list_ssh_public_keys", "SSHPublicKeys"),
    ):
        same(paged(iam, operation, member, UserName=user), [])
    same(iam.list_service_specific_credentials(UserName=user)["ServiceSpecificCredentials"], [])
    same(paged(iam, "list_virtual_mfa_devices", "VirtualMFADevices"), [])
    for call in (iam.get_login_profile, iam.delete_login_profile):
        refused(
            iam.exceptions.NoSuchEntityException,
            call,
            UserName=user,
            status=404,
            text=f"Login Profile for User {user} cannot be found.",
        )


# Simulation


@case("SimulateCustomPolicy: what a policy would allow, in pages")
def _():
    document = allow("ecr:Get*", "ecr:PutImage")
    document["Statement"].append({"Sid": "Never", "Effect": "Deny", "Action": "ecr:GetRegistryPolicy", "Resource": "*"})
    actions = ["ecr:GetAuthorizationToken", "ecr:GetRegistryPolicy", "ecr:DeleteRepository"]
    results = paged(
        iam, "simulate_custom_policy", "EvaluationResults", 2, PolicyInputList=[text(document)], ActionNames=actions
    )
    same(
        {result["EvalActionName"]: result["EvalDecision"] for result in results},
        dict(zip(actions, ("allowed", "explicitDeny", "implicitDeny"))),
    )


@case("SimulatePrincipalPolicy: what a user may, and what a context changes")
def _():
    name, _ = new_user()
    iam.put_user_policy(
        UserName=name,
        PolicyName="from-the-office",
        PolicyDocument=text(allow("ecr:PutImage", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
    )
    repository = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/app"

    def decision(address):
        results = iam.simulate_principal_policy(
            PolicySourceArn=arn("user", name),
            ActionNames=["ecr:PutImage"],
            ResourceArns=[repository],
            ContextEntries=[
                {"ContextKeyName": "aws:SourceIp", "ContextKeyValues": [address], "ContextKeyType": "ip"}
            ],
        )["EvaluationResults"]
        same([(each["EvalActionName"], each["EvalResourceName"]) for each in results], [("ecr:PutImage", repository)])
        return results[0]["EvalDecision"]

    same(decision("10.1.2.3"), "allowed")
    same(decision("192.0.2.1"), "implicitDeny")
    missing = {"PolicySourceArn": arn("user", "nobody"), "ActionNames": ["ecr:PutImage"]}
    refused(iam.exceptions.NoSuchEntityException, iam.simulate_principal_policy, **missing, status=404)


@case("GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy: the keys that conditions ask for")
def _():
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "StringEquals": {"aws:PrincipalTag/team": "blue"}}
    document = text(allow("ecr:*", Condition=condition))
    keys = {"aws:sourceip", "aws:principaltag/team"}
    lowered = lambda answer: {key.lower() for key in answer["ContextKeyNames"]}
    same(lowered(iam.get_context_keys_for_custom_policy(PolicyInputList=[document])), keys)
    user = new("user")
    iam.put_user_policy(UserName=user, PolicyName="may", PolicyDocument=document)
    same(lowered(iam.get_context_keys_for_principal_policy(PolicySourceArn=arn("user", user))), keys)


# The resources of boto3, which are made of many operations


@case("boto3's own resources of IAM: a user with a key, a group, an attached policy, and their collections")
def _():
    resource = admin.session.resource("iam", endpoint_url=URL)
    user = resource.create_user(UserName=fresh("user"), Path="/objects/")
    key = user.create_access_key_pair()
    same([each.id for each in user.access_keys.all()], [key.id])
    key.deactivate()
    same([each.status for each in user.access_keys.all()], ["Inactive"])
    group = resource.create_group(GroupName=fresh("group"))
    user.add_group(GroupName=group.name)
    same([each.name for each in group.users.all()], [user.name])
    policy = resource.create_policy(PolicyName=fresh("policy"), PolicyDocument=text(AWKWARD))
    user.attach_policy(PolicyArn=policy.arn)
    same([each.arn for each in user.attached_policies.all()], [policy.arn])
    same([each.name for each in policy.attached_users.all()], [user.name])
    same(policy.default_version.document, AWKWARD)
    inline = user.create_policy(PolicyName="inline", PolicyDocument=text(AWKWARD))
    same(inline.policy_document, AWKWARD)
    same([each.name for each in resource.users.filter(PathPrefix="/objects/")], [user.name])
    same(resource.AccountSummary().summary_map["AccessKeysPerUserQuota"], 2)


# Sessions


def session_lasts(credentials, duration):
    left = (credentials["Expiration"] - datetime.now(timezone.utc)).total_seconds()
    assert duration - 60 < left <= duration + 1, left


@case("AssumeRole: the whole answer; the session is the role's, and a session policy takes from it")
def _():
    repository = fresh("assumed/app")
    ecr.create_repository(repositoryName=repository)
    role = new_role("ecr:DescribeRepositories", "ecr:ListImages", MaxSessionDuration=7200)
    answer = sts.assume_role(
        RoleArn=arn("role", role),
        RoleSessionName="build-1",
        DurationSeconds=7200,
        Policy=text(allow("ecr:List*")),
        PolicyArns=[{"arn": READ_ONLY}],
    )
    credentials = answer["Credentials"]
    assert re.fullmatch("ASIA[A-Z2-7]{16}", credentials["AccessKeyId"]), credentials["AccessKeyId"]
    assert re.fullmatch("[A-Za-z0-9]{40}", credentials["SecretAccessKey"])
    session_lasts(credentials, 7200)
    role_id = iam.get_role(RoleName=role)["Role"]["RoleId"]
    session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/build-1"
    same(answer["AssumedRoleUser"], {"AssumedRoleId": f"{role_id}:build-1", "Arn": session_arn})
    assert 0 < answer["PackedPolicySize"] <= 100, answer["PackedPolicySize"]
    session = with_credentials(credentials)
    same(
        without_metadata(session.sts.get_caller_identity()),
        {"UserId": f"{role_id}:build-1", "Account": ACCOUNT, "Arn": session_arn},
    )
    session.ecr.list_images(repositoryName=repository)
    both = with_credentials(sts.assume_role(RoleArn=arn("role", role), RoleSessionName="build-2")["Credentials"])
    same(both.ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryName"], repository)
    narrow = sts.assume_role(RoleArn=arn("role", role), RoleSessionName="build-3", Policy=text(allow("ecr:List*")))
    narrowed = with_credentials(narrow["Credentials"])
    narrowed.ecr.list_images(repositoryName=repository)
    described = {"repositoryNames": [repository]}
    raised = denied("ecr:DescribeRepositories", narrowed.ecr.describe_repositories, **described)
    assert "session policy" in str(raised), raised


@case("AssumeRole: refused alike for a role that does not trust and for one that is not there")
def _():
    _, user = new_user("sts:AssumeRole")
    for role in (new_role(trust=trusting({"AWS": arn("user", "admin")})), "nobody-has-it"):
        refused(
            "AccessDenied",
            user.sts.assume_role,
            RoleArn=arn("role", role),
            RoleSessionName="job",
            status=403,
            text=f"User: {user.arn} is not authorized to perform: sts:AssumeRole on resource: {arn('role', role)}",
        )
    role = new_role()
    too_long = {"RoleArn": arn("role", role), "RoleSessionName": "job", "DurationSeconds": 3601}
    refused(
        "ValidationError",
        sts.assume_role,
        **too_long,
        text="The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    tagged = new_role(trust=trusting({"AWS": ACCOUNT}, ["sts:AssumeRole", "sts:TagSession"]))
    # Random, as what is packed is compressed.
    large = [{"Key": secrets.token_urlsafe(90), "Value": secrets.token_urlsafe(190)} for _ in range(50)]
    refused(
        sts.exceptions.PackedPolicyTooLargeException,
        sts.assume_role,
        RoleArn=arn("role", tagged),
        RoleSessionName="job",
        Tags=large,
    )


@case("AssumeRole: an external id, tags that are handed on, and a source identity, each seen by a policy")
def _():
    conditions = {
        "StringEquals": {
            "sts:ExternalId": "ticket:7",
            "aws:RequestTag/team": "blue",
            "sts:SourceIdentity": "ada",
        }
    }
    trust = trusting({"AWS": ACCOUNT}, ["sts:AssumeRole"], Condition=conditions)
    trust["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:TagSession", "sts:SetSourceIdentity"]}
    )
    own = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/${{aws:PrincipalTag/team}}/*"
    may = {"resource": ["arn:aws:iam::*:role/*", own]}
    role = new_role("sts:*", "ecr:CreateRepository", trust=trust, **may)
    request = {
        "RoleArn": arn("role", role),
        "RoleSessionName": "tagged",
        "ExternalId": "ticket:7",
        "Tags": tags(team="blue"),
        "TransitiveTagKeys": ["team"],
        "SourceIdentity": "ada",
    }
    answer = sts.assume_role(**request)
    same(answer["SourceIdentity"], "ada")
    session = with_credentials(answer["Credentials"])
    session.ecr.create_repository(repositoryName="blue/app")
    denied("ecr:CreateRepository", session.ecr.create_repository, repositoryName="green/app")
    for wrong in ({"ExternalId": "ticket:8"}, {"Tags": tags(team="green")}, {"SourceIdentity": "eve"}):
        refused("AccessDenied", sts.assume_role, **{**request, **wrong}, status=403)
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    following = new_role("ecr:CreateRepository", trust=trusting({"AWS": ACCOUNT}, actions, Condition=condition), **may)
    chained = session.sts.assume_role(RoleArn=arn("role", following), RoleSessionName="chained")
    same(chained["SourceIdentity"], "ada")
    second = with_credentials(chained["Credentials"])
    second.ecr.create_repository(repositoryName="blue/second")
    denied("ecr:CreateRepository", second.ecr.create_repository, repositoryName="green/second")


@case("GetSessionToken: the user himself for a while, without IAM, and no longer than his key")
def _():
    name, user = new_user("ecr:DescribeRegistry", "iam:*")
    answer = user.sts.get_session_token(DurationSeconds=900)
    session_lasts(answer["Credentials"], 900)
    session = with_credentials(answer["Credentials"])
    same(session.arn, arn("user", name))
    session.ecr.describe_registry()
    refused("InvalidClientTokenId", session.iam.list_users, status=403)
    refused("AccessDenied", session.sts.get_session_token, status=403)
    key = user.session.get_credentials().access_key
    iam.delete_access_key(UserName=name, AccessKeyId=key)
    refused("UnrecognizedClientException", session.ecr.describe_registry)


@case("GetFederationToken: what its policy allows of what the user may")
def _():
    _, user = new_user("ecr:Describe*", "sts:GetFederationToken")
    answer = user.sts.get_federation_token(Name="guest", Policy=text(allow("ecr:*")), DurationSeconds=900)
    session_lasts(answer["Credentials"], 900)
    federated = f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
    same(answer["FederatedUser"], {"FederatedUserId": f"{ACCOUNT}:guest", "Arn": federated})
    assert 0 < answer["PackedPolicySize"] <= 100
    guest = with_credentials(answer["Credentials"])
    same(guest.arn, federated)
    guest.ecr.describe_registry()
    denied("ecr:CreateRepository", guest.ecr.create_repository, repositoryName="guest/app")
    nothing = with_credentials(user.sts.get_federation_token(Name="guest")["Credentials"])
    denied("ecr:DescribeRegistry", nothing.ecr.describe_registry)


@case("DecodeAuthorizationMessage: what a refusal carries tells who wanted what")
def _():
    _, user = new_user()
    raised = denied("ecr:DescribeRegistry", user.ecr.describe_registry)
    encoded = raised.response["ResponseMetadata"]["HTTPHeaders"]["x-berth-authorization-message"]
    decoded = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    same((decoded["allowed"], decoded["explicitDeny"]), (False, False))
    same(
        (decoded["context"]["principal"]["arn"], decoded["context"]["action"]), (user.arn, "ecr:DescribeRegistry")
    )
    denied("sts:DecodeAuthorizationMessage", user.sts.decode_authorization_message, EncodedMessage=encoded)
    refused(
        sts.exceptions.InvalidAuthorizationMessageException,
        sts.decode_authorization_message,
        EncodedMessage="nonsense",
        text="Message is not valid",
    )


# Web identities


def web_role(*actions, **equals):
    issuer = ISSUER.removeprefix("https://")
    condition = {"StringEquals": {f"{issuer}:{key}": value for key, value in equals.items()}}
    provider = {"Federated": arn("oidc-provider", issuer)}
    return new_role(*actions, trust=trusting(provider, "sts:AssumeRoleWithWebIdentity", Condition=condition))


def read(path):
    with open(path) as file:
        return file.read()


@case("AssumeRoleWithWebIdentity: the whole answer, and the exception classes of bad tokens")
def _():
    issuer = ISSUER.removeprefix("https://")
    iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    role = web_role("ecr:DescribeRegistry", sub="repo:org/app:ref:refs/heads/main", aud="sts.amazonaws.com")
    unsigned = caller("", "").session.client(
        "sts", endpoint_url=URL, config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    )
    unsigned.meta.events.register("after-call", note)
    ask = lambda token, **more: unsigned.assume_role_with_web_identity(
        RoleArn=arn("role", role), RoleSessionName="job", WebIdentityToken=token, **more
    )
    answer = ask(read(TOKENS["main"]), DurationSeconds=900)
    session_lasts(answer["Credentials"], 900)
    session = with_credentials(answer["Credentials"])
    session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/job"
    same(
        {name: value for name, value in without_metadata(answer).items() if name != "Credentials"},
        {
            "SubjectFromWebIdentityToken": "repo:org/app:ref:refs/heads/main",
            "AssumedRoleUser": {
                "AssumedRoleId": f"{iam.get_role(RoleName=role)['Role']['RoleId']}:job",
                "Arn": session_arn,
            },
            "Provider": arn("oidc-provider", issuer),
            "Audience": "sts.amazonaws.com",
        },
    )
    same(session.arn, session_arn)
    session.ecr.describe_registry()
    refused(
        "AccessDenied",
        ask,
        read(TOKENS["branch"]),
        status=403,
        text="Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )
    refused(unsigned.exceptions.ExpiredTokenException, ask, read(TOKENS["old"]))
    invalid = unsigned.exceptions.InvalidIdentityTokenException
    refused(invalid, ask, read(TOKENS["other-audience"]), text="Incorrect token audience")
    refused(invalid, ask, read(TOKENS["forged"]))


# Sessions that boto3 makes by itself, of a configuration


@contextlib.contextmanager
def configured(config="", **variables):
    """A machine with this `~/.aws/config` and these variables; the endpoints are in the environment."""
    with tempfile.NamedTemporaryFile("w", suffix=".config") as file:
        file.write(config)
        file.flush()
        before = dict(os.environ)
        os.environ.update(
            {
                "AWS_CONFIG_FILE": file.name,
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_ECR": URL,
                "AWS_ENDPOINT_URL_STS": URL,
                **variables,
            }
        )
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def profiles(**roles):
    """The administrator's key as `base`, and a profile for each role."""
    sections = [f"[profile base]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"]
    for name, settings in roles.items():
        lines = "\n".join(f"{setting} = {value}" for setting, value in settings.items())
        sections.append(f"[profile {name}]\n{lines}\n")
    return "\n".join(sections)


@case("a profile with role_arn and source_profile: boto3 takes the role, and ECR lets in and refuses")
def _():
    role = new_role(
        "ecr:DescribeRegistry", trust=trusting({"AWS": ACCOUNT}, Condition={"StringEquals": {"sts:ExternalId": "x1"}})
    )
    settings = {
        "role_arn": arn("role", role),
        "source_profile": "base",
        "role_session_name": "by-config",
        "external_id": "x1",
    }
    with configured(profiles(deploy=settings, stranger={**settings, "external_id": "x2"})):
        session = Caller(boto3.session.Session(profile_name="deploy"))
        same(session.arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/by-config")
        same(session.ecr.describe_registry()["registryId"], ACCOUNT)
        denied("ecr:CreateRepository", session.ecr.create_repository, repositoryName="config/app")
        stranger = Caller(boto3.session.Session(profile_name="stranger"))
        refused("AccessDenied", stranger.ecr.describe_registry, status=403)


@case("a profile whose source is a role itself: boto3 takes one after the other")
def _():
    second = new_role("ecr:DescribeRegistry")
    first = new_role("sts:AssumeRole", resource=arn("role", second))
    settings = {
        "first": {"role_arn": arn("role", first), "source_profile": "base"},
        "second": {"role_arn": arn("role", second), "source_profile": "first", "role_session_name": "chained"},
    }
    with configured(profiles(**settings)):
        session = Caller(boto3.session.Session(profile_name="second"))
        same(session.arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/{second}/chained")
        session.ecr.describe_registry()


@case("a session that ends within a quarter of an hour is renewed by boto3 itself")
def _():
    role = new_role("ecr:DescribeRegistry")
    settings = {"role_arn": arn("role", role), "source_profile": "base", "duration_seconds": 900}
    with configured(profiles(short=settings)):
        session = Caller(boto3.session.Session(profile_name="short"))
        keys = set()
        for _ in range(2):
            session.ecr.describe_registry()
            keys.add(session.session.get_credentials().get_frozen_credentials().access_key)
        same(len(keys), 2)


@case("AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE: no key anywhere, and the file is read again")
def _():
    role = web_role("ecr:DescribeRegistry", sub=["repo:org/app:ref:refs/heads/main", "repo:org/app:environment:live"])
    with tempfile.NamedTemporaryFile("w") as file, configured(
        AWS_ROLE_ARN=arn("role", role), AWS_WEB_IDENTITY_TOKEN_FILE=file.name, AWS_ROLE_SESSION_NAME="pod"
    ):

        def write(token):
            file.seek(0)
            file.truncate()
            file.write(read(TOKENS[token]))
            file.flush()

        write("main")
        session = Caller(boto3.session.Session())
        same(session.arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/pod")
        session.ecr.describe_registry()
        denied("ecr:CreateRepository", session.ecr.create_repository, repositoryName="web/app")
        write("branch")
        refused("AccessDenied", Caller(boto3.session.Session()).ecr.describe_registry, status=403)
        write("environment")
        Caller(boto3.session.Session()).ecr.describe_registry()


@case("a profile with web_identity_token_file")
def _():
    role = web_role("ecr:DescribeRegistry", sub="repo:org/app:ref:refs/heads/main")
    settings = {"role_arn": arn("role", role), "web_identity_token_file": TOKENS["main"], "role_session_name": "file"}
    with configured(profiles(web=settings)):
        same(
            Caller(boto3.session.Session(profile_name="web")).arn,
            f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/file",
        )


# What policies decide, from one moment to the next


@case("a policy that is attached, bounded, denied and detached counts from the next call on")
def _():
    name, user = new_user()
    call = user.ecr.describe_registry
    denied("ecr:DescribeRegistry", call)
    group = new("group")
    iam.put_group_policy(GroupName=group, PolicyName="may", PolicyDocument=text(allow("ecr:DescribeRegistry")))
    iam.add_user_to_group(GroupName=group, UserName=name)
    call()
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=new_policy(allow("ecr:List*")))
    assert "permissions boundary" in str(denied("ecr:DescribeRegistry", call))
    iam.delete_user_permissions_boundary(UserName=name)
    call()
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "ecr:*", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="never", PolicyDocument=text(deny))
    assert "explicit deny" in str(denied("ecr:DescribeRegistry", call))
    same(user.arn, arn("user", name), "GetCallerIdentity needs no permission")
    iam.delete_user_policy(UserName=name, PolicyName="never")
    call()
    iam.remove_user_from_group(GroupName=group, UserName=name)
    denied("ecr:DescribeRegistry", call)
    denied("iam:CreateUser", user.iam.create_user, UserName="mine")


@case("a repository's policy lets in who has no policy of his own; a registry's policy as well")
def _():
    name, user = new_user()
    repository = fresh("shared/app")
    ecr.create_repository(repositoryName=repository)
    listing = {"repositoryName": repository}
    denied("ecr:ListImages", user.ecr.list_images, **listing)
    statement = {"Sid": "Ci", "Effect": "Allow", "Principal": {"AWS": arn("user", name)}, "Action": "ecr:ListImages"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    ecr.set_repository_policy(repositoryName=repository, policyText=text(policy))
    same(json.loads(ecr.get_repository_policy(repositoryName=repository)["policyText"]), policy)
    same(user.ecr.list_images(**listing)["imageIds"], [])
    ecr.delete_repository_policy(repositoryName=repository)
    denied("ecr:ListImages", user.ecr.list_images, **listing)
    resource = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/shared/*"
    ecr.put_registry_policy(
        policyText=text({"Version": "2012-10-17", "Statement": [{**statement, "Resource": resource}]})
    )
    user.ecr.list_images(**listing)
    ecr.delete_registry_policy()
    denied("ecr:ListImages", user.ecr.list_images, **listing)
    ecr.set_repository_policy(repositoryName=repository, policyText=text(policy))
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
    _, namesake = new_user(name=name)
    denied("ecr:ListImages", namesake.ecr.list_images, **listing)


@case("the docker password of a role's session is the session's: it is base64 of AWS: and opens what the role may")
def _():
    role = new_role("ecr:GetAuthorizationToken")
    session = with_credentials(
        sts.assume_role(RoleArn=arn("role", role), RoleSessionName="docker")["Credentials"]
    )
    (data,) = session.ecr.get_authorization_token()["authorizationData"]
    assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
    _, user = new_user()
    denied("ecr:GetAuthorizationToken", user.ecr.get_authorization_token)


@case("every operation of IAM and STS was called")
def _():
    # These have nothing to answer here but that it is not found.
    absent = {"iam:GetLoginProfile", "iam:DeleteLoginProfile", "iam:GetAccountPasswordPolicy"}
    same(absent - REFUSED, set())
    same(sorted(OPERATIONS - ANSWERED - absent), [])


if __name__ == "__main__":
    sys.exit(main())
